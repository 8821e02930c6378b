"""The function to minimize: evaluated at a vector, counted, never beyond its budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .bounds import Box
from .vector import largest, read_numbers

Function = Callable[[Tensor], tuple[Tensor, Tensor]]
Curvature = Callable[[Tensor], Tensor]


class Point(NamedTuple):
    """A vector x with the value, the gradient and the largest magnitude of the gradient that bounds let act."""

    x: Tensor
    value: float
    gradient: Tensor
    steepness: float

    @property
    def finite(self) -> bool:
        """Whether value and gradient are numbers throughout; a maximum of magnitudes passes a NaN on."""
        return math.isfinite(self.value) and math.isfinite(self.steepness)


def point_state(point: Point) -> list[Any]:
    """Return a point as plain tensors and numbers."""
    return list(point)


def point_of(state: list[Any]) -> Point:
    """Return the point that `point_state` made plain."""
    return Point(*state)


class BudgetError(Exception):
    """Raised instead of an evaluation too many."""


class Objective:
    """f and its gradient by `function(x)`; a product of the Hessian at the last point by `curvature(v)`.

    A product of the Hessian with a vector costs about as much as a gradient, so it counts as an evaluation.
    """

    def __init__(
        self, function: Function, budget: float = math.inf, curvature: Curvature | None = None, box: Box | None = None
    ) -> None:
        self.function = function
        self.box = box
        self.curvature = curvature
        self.budget = budget
        self.evaluations = 0
        self.products = 0
        self.last: Tensor | None = None

    @property
    def spent(self) -> bool:
        """Whether no evaluation is left."""
        return self.evaluations + self.products >= self.budget

    def at(self, x: Tensor) -> Point:
        """Return the point at `x`."""
        return self.along(x, None)[0]

    def along(self, x: Tensor, direction: Tensor | None) -> tuple[Point, float]:
        """Return the point at `x` and the slope along `direction`, in one wait for the device."""
        if self.spent:
            raise BudgetError
        self.evaluations += 1
        self.last = x
        value, gradient = self.function(x)
        free = gradient if self.box is None else gradient * self.box.free(x, gradient)
        if direction is None:
            numbers = [*read_numbers(value, largest(free)), 0.0]
        else:
            numbers = read_numbers(value, largest(free), torch.dot(gradient, direction))
        return Point(x, numbers[0], gradient, numbers[1]), numbers[2]

    def hessian_times(self, here: Point, vector: Tensor) -> Tensor:
        """Return the product of the Hessian at `here` with `vector`; evaluates there again if it was not the last."""
        if self.curvature is None:
            raise ValueError("The function has no Hessian: give one whose gradient autograd can differentiate.")
        if self.last is not here.x:
            self.at(here.x)
        if self.spent:
            raise BudgetError
        self.products += 1
        return self.curvature(vector)
