"""A direction and a search: the next point lies on a line."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from thalweg.optimizers.closure.along import Along
from thalweg.optimizers.closure.directions.step import Direction, Step
from thalweg.optimizers.closure.objective import BudgetSpent, Objective, Point
from thalweg.optimizers.closure.search import Search, Trial
from thalweg.optimizers.closure.vector import read_numbers


class LineSearch:
    """Go along a direction as far as a search says; `lr` is the length tried first, in units of the direction."""

    def __init__(self, direction: Direction, search: Search, lr: float = 1.0, scale: Tensor | None = None) -> None:
        self.direction = direction
        self.search = search
        self.lr = lr
        self.scale = scale

    @property
    def fresh(self) -> bool:
        """Whether the direction remembers nothing."""
        return self.direction.fresh

    def forget(self) -> None:
        """Make the next direction steepest descent."""
        self.direction.forget()

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the point the search chose; where the budget ends within the search, the lowest one met."""
        along = self._line(objective, here)
        if along is None:
            return None
        try:
            trial = self._search(along)
        except BudgetSpent:
            trial = along.best()
            if trial is None:
                raise
        return None if trial is None else self._accept(along, trial)

    def _line(self, objective: Objective, here: Point) -> Along | None:
        """Return the line of descent from `here`: the method's, or the steepest where that one does not descend."""
        direction = self.direction(here, partial(objective.hessian_times, here))
        slope = read_numbers(torch.dot(here.gradient, direction))[0]
        if not -math.inf < slope < 0 and not self.direction.fresh:
            self.direction.forget()
            direction = -here.gradient
            slope = read_numbers(torch.dot(here.gradient, direction))[0]
        move = direction if self.scale is None else direction * self.scale
        return Along(objective, here, direction, move, slope) if -math.inf < slope < 0 else None

    def _search(self, along: Along) -> Trial | None:
        first = self.lr * self.direction.first_trial(along.here, along.start.slope)
        return self.search(along, along.start, first, math.inf)

    def _accept(self, along: Along, trial: Trial) -> Point:
        there = along.point(trial)
        step = Step(along.here, there, along.direction, trial.alpha, along.start.slope, trial.slope)
        self.direction.learn(step)
        return there
