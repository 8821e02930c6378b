"""The function to minimize: evaluated at a vector, counted, never beyond its budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .bounds import Box
from .vector import largest, read_numbers

Function = Callable[[Tensor], tuple[Tensor, Tensor]]
Curvature = Callable[[Tensor], Tensor]


class Point:
    """A vector x with the value and the gradient there."""

    __slots__ = ("_steepness", "box", "gradient", "value", "x")

    def __init__(
        self, x: Tensor, value: float, gradient: Tensor, steepness: float | None = None, box: Box | None = None
    ) -> None:
        self.x = x
        self.value = value
        self.gradient = gradient
        self.box = box
        self._steepness = steepness

    @property
    def steepness(self) -> float:
        """The largest magnitude of the gradient that bounds let act; few points are asked for it."""
        if self._steepness is None:
            self._steepness = read_numbers(largest(acting(self.x, self.gradient, self.box)))[0]
        return self._steepness

    def since(self, before: Point) -> tuple[float, float, float]:
        """Return the largest number, the largest change since `before`, and the steepness, in one wait."""
        steep = largest(acting(self.x, self.gradient, self.box))
        size, change, self._steepness = read_numbers(largest(self.x), largest(self.x - before.x), steep)
        return size, change, self._steepness

    @property
    def finite(self) -> bool:
        """Whether value and gradient are numbers throughout; a maximum of magnitudes passes a NaN on."""
        return math.isfinite(self.value) and math.isfinite(self.steepness)


def point_state(point: Point) -> list[Any]:
    """Return a point as plain tensors and numbers."""
    return [point.x, point.value, point.gradient, point.steepness]


def point_of(state: list[Any]) -> Point:
    """Return the point that `point_state` made plain."""
    return Point(*state)


def acting(x: Tensor, gradient: Tensor, box: Box | None) -> Tensor:
    """Return the part of the gradient that no bound stops."""
    return gradient if box is None else gradient * box.free(x, gradient)


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
        """Return the point at `x`, its steepness known."""
        value, gradient = self._evaluate(x)
        number, steepness = read_numbers(value, largest(acting(x, gradient, self.box)))
        return Point(x, number, gradient, steepness, self.box)

    def along(self, x: Tensor, direction: Tensor) -> tuple[Point, float]:
        """Return the point at `x` and the slope along `direction`, in one wait for the device.

        The slope is a number only if the gradient is: a product of zero and no number is none.
        """
        value, gradient = self._evaluate(x)
        number, slope = read_numbers(value, torch.dot(gradient, direction))
        return Point(x, number, gradient, None, self.box), slope

    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.spent:
            raise BudgetError
        self.evaluations += 1
        self.last = x
        return self.function(x)

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
