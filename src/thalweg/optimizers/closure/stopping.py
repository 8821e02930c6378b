"""When to stop: relative tests, so that a scaled function takes the same steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .objective import Point
from .result import Reason


@dataclass(frozen=True, slots=True)
class Stopping:
    """The tolerances of a run; each is a share, none has a unit.

    Both tests wait for a step that hardly lowers the loss. Then the gradient counts as zero if moving every number
    by the largest one would change the loss by less than `tolerance_grad` of itself; and the run has stopped moving
    if no number changed by more than `tolerance_change` of the largest. A loss that falls to zero meets neither.
    """

    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9

    def at_start(self, here: Point) -> Reason | None:
        """Return why not to start at all, if so."""
        if not here.finite:
            return Reason.NOT_FINITE
        return Reason.GRADIENT if here.steepness == 0 or self.tolerance_grad == math.inf else None

    def after(self, before: Point, here: Point) -> Reason | None:
        """Return why to stop after the step between two points, if so."""
        if before.value - here.value > max(self.tolerance_grad, self.tolerance_change) * abs(here.value):
            return None
        size, moved, steepness = here.since(before)
        if steepness * size <= self.tolerance_grad * abs(here.value):
            return Reason.GRADIENT
        small = before.value - here.value <= self.tolerance_change * abs(here.value)
        return Reason.CHANGE if small and moved <= self.tolerance_change * size else None
