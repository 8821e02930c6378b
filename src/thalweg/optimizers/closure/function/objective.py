"""The function to minimize: evaluated at a vector, counted, never beyond its budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .bounds import Box
from .units import Units
from .vector import dot, largest, read_numbers, read_with_product

Function = Callable[[Tensor], tuple[Tensor, Tensor]]
Curvature = Callable[[Tensor], Tensor]


class Change(NamedTuple):
    """What a step has changed, each number measured by its own size.

    `pull` is the most that the loss would change if one number moved by its size, as its slope has it, `pulled` the
    same before the step; `moved` the largest move, `before` and `here` what the slopes at both ends say of the whole
    step, `size` the largest number.
    """

    pull: float
    pulled: float
    moved: float
    before: float
    here: float
    size: float

    @property
    def left(self) -> float:
        """How much farther the numbers go if each step to come leaves the same share of the pull as this one."""
        return self.moved * self.pull / (self.pulled - self.pull) if self.pulled > self.pull else math.inf


class Point:
    """A vector x with the value and the gradient there, both in the units of the run."""

    __slots__ = ("_size", "_steepness", "box", "gradient", "lengths", "value", "x")

    def __init__(
        self,
        x: Tensor,
        value: float,
        gradient: Tensor,
        steepness: float | None = None,
        box: Box | None = None,
        lengths: Tensor | None = None,
    ) -> None:
        self.x = x
        self.value = value
        self.gradient = gradient
        self.box = box
        self.lengths = lengths
        self._steepness = steepness
        self._size: float | None = None

    @property
    def steepness(self) -> float:
        """The largest magnitude of the gradient that bounds let act; few points are asked for it."""
        if self._steepness is None:
            self._steepness = read_numbers(largest(acting(self.x, self.gradient, self.box)))[0]
        return self._steepness

    @property
    def size(self) -> float:
        """The largest magnitude of x; few points are asked for it."""
        if self._size is None:
            self._size = read_numbers(largest(self.x))[0]
        return self._size

    @property
    def pull(self) -> float:
        """The most that the loss would change if one number moved by its size, by one unit where all are zero."""
        return self.since(self).pull if self.size else self.steepness

    @property
    def measured(self) -> Tensor:
        """The vector in the units of the gradient."""
        return self.x if self.lengths is None else self.x / self.lengths

    def since(self, before: Point) -> Change:
        """Return what the step from `before` has changed, in one wait."""
        step, sizes = self.x - before.x, torch.maximum(self.x.abs(), before.x.abs())
        moved = torch.where(sizes > 0, step.abs() / sizes, sizes)
        if self.box is not None:
            sizes = torch.minimum(sizes, self.box.upper - self.box.lower)
        largest_size = largest(sizes)
        if self.lengths is not None:
            step, sizes = step / self.lengths, sizes / self.lengths
        acts = acting(self.x, self.gradient, self.box)
        slopes = dot(before.gradient, step), dot(self.gradient, step)
        pulled = largest(acting(before.x, before.gradient, self.box) * sizes)
        self._steepness, *rest = read_numbers(
            largest(acts), largest(acts * sizes), pulled, largest(moved), *slopes, largest_size
        )
        return Change(*rest)

    @property
    def finite(self) -> bool:
        """Whether value and gradient are numbers throughout; a maximum of magnitudes passes a NaN on."""
        return math.isfinite(self.value) and math.isfinite(self.steepness)


def point_state(point: Point) -> list[Any]:
    """Return a point as plain tensors and numbers."""
    return [point.x, point.value, point.gradient, point.steepness]


def point_of(state: list[Any], lengths: Tensor | None = None) -> Point:
    """Return the point that `point_state` made plain."""
    x, value, gradient, steepness = state
    return Point(x, value, gradient, steepness, lengths=lengths)


def acting(x: Tensor, gradient: Tensor, box: Box | None) -> Tensor:
    """Return the part of the gradient that no bound stops."""
    return gradient if box is None else gradient * box.free(x, gradient)


class BudgetError(Exception):
    """Raised instead of an evaluation too many."""


class Objective:
    """f and its gradient by `function(x)`; a product of the Hessian at the last point by `curvature(v)`.

    A product of the Hessian with a vector costs about as much as a gradient, so it counts as an evaluation. Where a
    gradient is `given`, it may be another than the loss's, and a minimum is not believed by it alone.
    """

    def __init__(
        self,
        function: Function,
        budget: float = math.inf,
        curvature: Curvature | None = None,
        box: Box | None = None,
        units: Units | None = None,
        given: bool = True,
    ) -> None:
        self.function = function
        self.given = given
        self.box = box
        self.units = units or Units()
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
        return Point(x, number / self.units.loss, gradient, steepness, self.box, self.units.lengths)

    def loss(self, x: Tensor) -> float:
        """Return the loss at `x` alone."""
        return read_numbers(self._evaluate(x)[0])[0] / self.units.loss

    def along(self, x: Tensor, direction: Tensor) -> tuple[Point, float]:
        """Return the point at `x` and the slope along `direction`, in one wait for the device.

        The slope is a number only if the gradient is: a product of zero and no number is none.
        """
        value, gradient = self._evaluate(x)
        number, slope = read_with_product(value, gradient, direction)
        return Point(x, number / self.units.loss, gradient, None, self.box, self.units.lengths), slope

    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.evaluations + self.products >= self.budget:
            raise BudgetError
        self.evaluations += 1
        self.last = x
        value, gradient = self.function(x)
        if self.box is not None:
            gradient = self.box.told(gradient)
        units = self.units
        # Most units are the user's; where they are, even a call takes time that counts.
        return value, gradient if units.loss == 1.0 and units.lengths is None else units.inward(gradient)

    def hessian_times(self, here: Point, vector: Tensor) -> Tensor:
        """Return the product of the Hessian at `here` with `vector`; evaluates there again if it was not the last."""
        if self.curvature is None:
            raise ValueError(
                "products with the Hessian need a loss that can be differentiated twice, but this one's gradient has "
                "no graph: leave loss.backward() out of the closure"
            )
        if self.last is not here.x:
            self.at(here.x)
        if self.spent:
            raise BudgetError
        self.products += 1
        lengths = self.units.lengths
        return self.units.inward(self.curvature(vector if lengths is None else vector * lengths))
