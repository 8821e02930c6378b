"""What counts as a minimum, and when to stop: no test has a unit, and none knows what was added to the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch

from ..function.objective import Change, Point
from ..function.vector import machine_epsilon
from .result import Reason

BELOW_ROUNDING = 4.0
"""Roundings of the loss that a change must exceed to be seen."""

FINER = 2.0**12
"""How many times as finely slopes tell of a step as losses do, where the gradient has no tolerance."""

GENTLE = 64.0
"""How many times the root of the rounding a small pull may be, as a share of the loss."""

GENTLEST = 0.03
"""The same share at most: float16 and bfloat16 have so few digits that the root would call any slope small."""

FINEST = 1e-3
"""The share of the loss that a gradient of zero may promise at most, because of the dtype alone."""

ARRIVED = 100.0
"""Roundings of the numbers that they may still have to go where the gradient falls on, but the loss shows nothing."""

EXPONENT = 0.75
"""The share of the dtype's range of exponents beyond which a loss or a number counts as infinite."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """The tolerances of a run; each is a share, none has a unit.

    All tests wait for a step that hardly lowers the loss, and measure each number by its own size. Then

    - the gradient is zero within `tolerance_grad` if moving any one number by its size would change the loss by less
      than that share of itself, or of what it has fallen since the start, whichever is less;
    - the run has stopped moving if neither the loss nor any number changed by more than `tolerance_change`, or if
      nothing of the step can be seen in the loss, while the gradient does not fall either, or so fast that the numbers
      have next to nothing left to go. That is a minimum only where the gradient is small as well: where a parabola so
      steep that rises as the run has fallen hides its depth in the rounding of the loss.

    Zero switches a test off, but for a gradient that is all rounding. Tolerances finer than the dtype count as its own.
    """

    tolerance_grad: float = 1e-8
    tolerance_change: float = 1e-9

    def at_start(self, here: Point) -> Reason | None:
        """Return why not to start at all, if so."""
        if not here.finite:
            return Reason.NOT_FINITE
        return Reason.GRADIENT if here.steepness == 0 else None

    def after(self, before: Point, here: Point, highest: float) -> Reason | None:
        """Return why to stop after the step between two points, if so; STALLED where that may be no minimum.

        `highest` is the loss at the start of the run.
        """
        size, epsilon = abs(here.value), machine_epsilon(here.x.dtype)
        grad, change = tolerances(self.tolerance_grad, self.tolerance_change, epsilon)
        fall = before.value - here.value
        if fall > max(grad, change) * size:
            return Reason.UNBOUNDED if here.value < 0 and is_beyond(here, here.size) else None
        seen = here.since(before)
        if is_beyond(here, seen.size):
            return Reason.UNBOUNDED
        if seen.pull <= max(grad, epsilon) * min(size, highest - here.value):
            return Reason.GRADIENT
        unmoved = fall <= change * size and seen.moved <= change
        if not (unmoved or (change and self._unseen(fall, seen, epsilon * size))):
            return None
        falls_on = seen.pull <= 0.5 * seen.pulled
        if falls_on and seen.left > ARRIVED * epsilon:
            return None
        if is_small(seen.pull, here, highest):
            return Reason.CHANGE
        return None if falls_on else Reason.STALLED

    def _unseen(self, fall: float, seen: Change, rounding: float) -> bool:
        """Return whether neither the loss nor its slopes at both ends tell of the step beyond rounding."""
        share = 1.0 if self.tolerance_grad else FINER
        return max(fall, share * abs(seen.before), share * abs(seen.here)) <= BELOW_ROUNDING * rounding


@cache
def tolerances(grad: float, change: float, epsilon: float) -> tuple[float, float]:
    """Return both tolerances, no finer than what the dtype can tell; zero stays zero."""
    return grad and max(grad, min(64 * epsilon, FINEST)), change and max(change, epsilon)


def is_small(pull: float, here: Point, highest: float, coarsest: float = 0.0) -> bool:
    """Return whether so large a pull leaves less to win than rounding hides, at least `coarsest` beside one.

    The parabola of slope p that rises by the loss's range r over the same length falls by p^2 / 2r.
    """
    epsilon, size = max(epsilon_of(here), coarsest), abs(here.value)
    hidden = BELOW_ROUNDING * epsilon * size * (highest - here.value)
    return (pull <= gentle(epsilon) * size and pull * pull <= hidden) or is_nothing(pull, here, highest)


def gentle(epsilon: float) -> float:
    """Return the share of the loss that a small pull may be."""
    return min(GENTLE * math.sqrt(epsilon), GENTLEST)


def is_nothing(pull: float, here: Point, highest: float) -> bool:
    """Return whether so large a pull is lost beside what the run has won, whatever is left of the loss."""
    return pull <= epsilon_of(here) ** 2 * (highest - here.value)


def epsilon_of(point: Point) -> float:
    """Return the rounding of a number next to one."""
    return machine_epsilon(point.x.dtype)


def rounding_at(here: Point) -> float:
    """Return what a change of the loss must exceed to be seen."""
    return BELOW_ROUNDING * epsilon_of(here) * abs(here.value)


def is_beyond(here: Point, size: float) -> bool:
    """Return whether the loss, or numbers as large as `size`, are beyond what counts as infinite."""
    limit = beyond(here.x.dtype)
    return here.value < -limit or size > limit


@cache
def beyond(dtype: torch.dtype) -> float:
    """Return the number beyond which anything counts as infinite."""
    return float(torch.finfo(dtype).max ** EXPONENT)
