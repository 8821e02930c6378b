"""phi(alpha) = f(x + alpha d): a function of many variables as a search sees it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..function.bounds import Box
from ..function.objective import Objective, Point
from ..function.vector import ORDINARY, machine_epsilon, moved, size
from ..search.trial import Trial

HIDING = 4.0
"""Roundings of the loss that a change must exceed to be seen."""


class Along:
    """The line from `here` along `move`; remembers the last and the lowest point met on it.

    `direction` is `move` in the units of the gradient; both are the same where the groups share one scale.
    """

    def __init__(
        self, objective: Objective, here: Point, direction: Tensor, move: Tensor, slope: float, box: Box | None = None
    ) -> None:
        self.objective = objective
        self.here = here
        self.direction = direction
        self.move = move
        self.box = box
        self.start = Trial(0.0, here.value, slope, HIDING * machine_epsilon(move.dtype) * abs(here.value))
        self.last = self.lowest = (self.start, here)
        self.longest = math.nan

    def __call__(self, alpha: float) -> Trial:
        """Return value and slope at x + alpha d; beyond the dtype's range no numbers, and no evaluation."""
        if alpha <= ORDINARY:
            x = torch.add(self.here.x, self.move, alpha=alpha)
        elif alpha <= self._reach():
            x = moved(self.here.x, self.move, alpha)
        else:
            return Trial(alpha, math.inf, math.nan)
        if self.box is not None:
            x = self.box.project(x)
        there, slope = self.objective.along(x, self.direction)
        trial = Trial(alpha, there.value, slope)
        self.last = (trial, there)
        if -math.inf < there.value < self.lowest[0].value and math.isfinite(slope):
            self.lowest = self.last
        return trial

    def _reach(self) -> float:
        """Return the step length up to which no number of x leaves the dtype's range."""
        if math.isnan(self.longest):
            limit = torch.finfo(self.move.dtype).max / 4
            self.longest = limit / max(size(self.move), 1 / limit)
        return self.longest

    def point(self, trial: Trial) -> Point:
        """Return the point of a trial that the search has chosen: the last or the lowest."""
        return self.last[1] if trial.alpha == self.last[0].alpha else self.lowest[1]

    def best(self) -> Trial | None:
        """Return the lowest trial, None where no trial lay below the start."""
        return self.lowest[0] if self.lowest[0] is not self.start else None
