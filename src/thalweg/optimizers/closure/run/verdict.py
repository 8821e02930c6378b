"""What it means that nothing falls any more: a minimum within rounding, noise, a wrong gradient, an edge or a kink."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from ..function.objective import Objective, Point, acting
from ..function.units import lengths_of
from ..function.vector import dot, largest, read_numbers
from .result import Reason
from .stopping import BELOW_ROUNDING, epsilon_of, gentle, is_small

EXPONENTS = (0.125, 0.25, 0.375, 0.5)
"""How far to look along the steepest descent: the rounding to these powers, as shares of the numbers' sizes."""

HIDDEN = 100.0
"""Roundings of the loss that a promise must exceed to be held to, and of the numbers that hide a minimum."""


ROUNDING_OF_FLOAT32 = 2.0**-23
"""What a loss of float64 parameters is rounded to if it meets a float32 tensor on its way."""

UNTOLD = 1e-10
"""A share of a number that float32 hardly ever tells, and float64 does."""

NEAREST = 1e-4
"""The share of the numbers that may hide a minimum at most, in dtypes of few digits."""

STRAIGHT = 0.75
"""The share of its last slope by which the loss rises at least beyond a kink; a parabola rises by half."""

BRIM = 3.0
"""How many times as far as its lowest point to look where a parabola rises by three times its depth."""

NOISY = 1e-3
"""The most of a loss that may be noise."""


class Look(NamedTuple):
    """One look along the steepest descent: the share of the sizes, the loss's change, what both slopes promise."""

    reach: float
    change: float
    here: float
    there: float

    @property
    def finite(self) -> bool:
        """Whether the loss and its slope are numbers there."""
        return math.isfinite(self.change) and math.isfinite(self.there)

    @property
    def straight(self) -> bool:
        """Whether the slope hardly changes on the way."""
        return abs(self.there - self.here) <= -0.5 * self.here

    @property
    def flat(self) -> bool:
        """Whether nothing at all has changed on the way: the loss is computed in a coarser dtype."""
        return self.change == 0 and self.there == self.here

    @property
    def depth(self) -> float:
        """How deep the parabola through both slopes is."""
        return -self.lowest * self.here / 2

    @property
    def mismatch(self) -> float:
        """By how much the loss changes otherwise than the mean of both slopes has it."""
        return abs(self.change - (self.here + self.there) / 2)

    @property
    def is_parabola(self) -> bool:
        """Whether the loss changes as the slopes have it: then the gradient is the loss's."""
        return self.finite and self.mismatch <= abs(self.change) / 4

    def is_near(self, epsilon: float, rounding: float = math.inf) -> bool:
        """Return whether the minimum is as near as the numbers' rounding hides; behind a kink, slopes do not tell."""
        is_kink = self.change > max(rounding, STRAIGHT * self.there)
        return self.lowest * self.reach <= min(HIDDEN * epsilon, NEAREST) and not is_kink

    @property
    def lowest(self) -> float:
        """How many times as far the parabola through both slopes is lowest, infinite where it bends down."""
        return self.here / (self.here - self.there) if self.there > self.here else math.inf


def judged(objective: Objective, here: Point, highest: float) -> tuple[Reason, str]:
    """Return why nothing falls at `here`, and a note; up to five evaluations.

    Whether the same point gives the same loss is asked only where the loss and its slopes do not explain it already.
    """
    gentle_slopes = is_small(here.pull, here, highest)
    looks = [] if gentle_slopes else looked(objective, here)
    if len(looks) != 1:
        again = objective.at(here.x)
        if again.value != here.value:
            unit = objective.units.loss
            return Reason.NOISE, f"It returned {here.value * unit!r}, then {again.value * unit!r}."
    if gentle_slopes or (any(look.flat for look in looks) and is_small(here.pull, here, highest, ROUNDING_OF_FLOAT32)):
        return Reason.ROUNDING, ""
    reason = told(looks, epsilon_of(here), abs(here.value))
    if reason in (Reason.STALLED, Reason.WRONG_GRADIENT) and is_coarser(objective, here):
        looks = looked(objective, here, ROUNDING_OF_FLOAT32)
        reason = told(looks, ROUNDING_OF_FLOAT32, abs(here.value))
    return Reason.ROUNDING if reason is Reason.STALLED and is_lost(objective, here, looks[-1]) else reason, ""


def is_lost(objective: Objective, here: Point, look: Look) -> bool:
    """Return whether the loss is no more than the noise that hides a parabola's depth; one evaluation.

    One look lies where the parabola rises by three times its depth: what 1 - exp(-x^2) is there is rounding of one.
    """
    if not look.is_parabola or BRIM * look.lowest >= 1:
        return False
    nearer = look_at(objective, here, BRIM * look.lowest * look.reach * steepest(here))
    return nearer.finite and not nearer.is_parabola and abs(here.value) <= HIDDEN * nearer.mismatch


def change_at(objective: Objective, here: Point, move: Tensor) -> float:
    """Return by how much a move changes the loss, inside the box."""
    x = here.x + move
    return objective.loss(inside(here, x)) - here.value


def is_coarser(objective: Objective, here: Point) -> bool:
    """Return whether a move too short for float32 changes nothing in float64: on its way the loss met a narrower dtype.

    One evaluation, in float64 alone.
    """
    return epsilon_of(here) < UNTOLD and look_at(objective, here, UNTOLD * lengths_of(here.x, here.x)).flat


def looked(objective: Objective, here: Point, coarsest: float = 0.0) -> list[Look]:
    """Return what is seen along the steepest descent, each number measured by its size; the nearest look may settle."""
    direction, epsilon, looks = steepest(here), max(epsilon_of(here), coarsest), list[Look]()
    for exponent in reversed(EXPONENTS):
        looks.insert(0, look_at(objective, here, epsilon**exponent * direction))
        if looks[0].is_parabola and looks[0].is_near(epsilon):
            break
    return looks


def steepest(here: Point) -> Tensor:
    """Return the steepest descent, each number measured by its size; one number goes as far as it is large."""
    sizes = lengths_of(here.x, here.x)
    measured = sizes if here.lengths is None else sizes / here.lengths
    direction = -acting(here.x, here.gradient, here.box) * measured
    return direction / largest(direction) * sizes


def look_at(objective: Objective, here: Point, move: Tensor) -> Look:
    """Return one look, at the nearest point inside the box: a wall may be as near as the next number."""
    there = objective.at(inside(here, here.x + move))
    step = there.x - here.x
    measured = step if here.lengths is None else step / here.lengths
    share = largest(step / lengths_of(here.x, here.x))
    reach, *slopes = read_numbers(share, dot(here.gradient, measured), dot(there.gradient, measured))
    return Look(reach, there.value - here.value, *slopes)


def told(looks: list[Look], epsilon: float, loss: float) -> Reason:
    """Return what the looks tell: whether values and slopes agree, and how deep and how far their parabola is."""
    looks = [look for look in looks if look.here < 0]
    finite = [look for look in looks if look.finite]
    seen = [look for look in finite if look.straight and not look.flat and -look.here > HIDDEN * epsilon * loss]
    if seen and all(look.change > 0.25 * look.here for look in seen):
        return Reason.WRONG_GRADIENT
    near = any(look.is_near(epsilon, HIDDEN * epsilon * loss) for look in finite)
    noise = noise_of(finite)
    # A loss of zero that cancels large numbers is nothing but noise.
    noise = noise if loss <= HIDDEN * noise else min(noise, NOISY * loss)
    if near or (finite and is_hidden(finite[-1], epsilon, loss, noise)):
        return Reason.ROUNDING
    return Reason.STALLED if len(finite) == len(looks) else Reason.DOMAIN


def is_hidden(look: Look, epsilon: float, loss: float, noise: float) -> bool:
    """Return whether the depth is lost in the noise, or in the rounding of the loss while the slope is small as well.

    A steep parabola hides a valley: along its floor much more may be won.
    """
    is_gentle = -look.here / look.reach <= gentle(epsilon) * loss
    return look.depth <= noise or (is_gentle and look.depth <= BELOW_ROUNDING * epsilon * loss)


def noise_of(looks: list[Look]) -> float:
    """Return the noise of the loss, as wide data in a narrow dtype make: what mismatches near by as it does afar.

    At a kink the mismatch shrinks with the reach; noise is told from that by the root of the reach.
    """
    if len(looks) < 2:
        return 0.0
    farther, nearer = looks[-2:]
    return nearer.mismatch if nearer.mismatch > math.sqrt(nearer.reach / farther.reach) * farther.mismatch else 0.0


def inside(here: Point, x: Tensor) -> Tensor:
    """Return the nearest vector inside the box."""
    return x if here.box is None else here.box.project(x)
