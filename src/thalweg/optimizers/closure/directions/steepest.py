"""How far to try along the steepest descent, the first direction of every method."""

from __future__ import annotations

import math

from ..function.objective import Point
from ..function.vector import largest, read_numbers

SHARE = 0.1


def first_trial(here: Point, slope: float) -> float:
    """Return a step length along -g that has the units of x / g, so that scaling either changes no evaluation.

    A tenth of the largest number moves the largest gradient's; at x = 0, where the parabola of that value and slope
    would reach zero. Hager & Zhang 2005, "A new conjugate gradient method with guaranteed descent and an efficient
    line search", step I0, with a share of 0.1 for their 0.01: measured best of 0.01 to 1.
    """
    size = here.size if here.lengths is None else read_numbers(largest(here.measured))[0]
    by_size = SHARE * size / here.steepness
    if slope == 0:
        return by_size
    return by_size or -2 * abs(here.value) / slope or 1 / math.sqrt(-slope)
