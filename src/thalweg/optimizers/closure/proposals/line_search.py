"""A direction and a search: the next point lies on a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..directions.krylov import Operator
from ..directions.restricted import Restricted
from ..directions.step import Direction, Step
from ..function.bounds import Box
from ..function.objective import BudgetError, Objective, Point
from ..function.vector import product
from ..search import Search, Trial
from .along import Along

FACES = 5
"""The most faces that one iteration looks at."""


class LineSearch:
    """Go along a direction as far as a search says.

    `lr` multiplies the step length tried first, `scale` the direction, number by number, where groups differ in lr.
    """

    measured = True

    def __init__(self, direction: Direction, search: Search) -> None:
        self.direction = direction
        self.search = search
        self.lr = 1.0
        self.scale: Tensor | None = None
        self.box: Box | None = None
        self.shortened = math.inf

    @cached_property
    def restricted(self) -> Restricted:
        """The direction on the faces of the box; without one it is never made."""
        return Restricted(self.direction)

    @property
    def fresh(self) -> bool:
        """Whether the direction remembers nothing."""
        return self.direction.fresh

    def forget(self) -> None:
        """Make the next direction steepest descent."""
        self.direction.forget()

    def displaced(self) -> None:
        """Forget what holds only for the point left."""
        self.direction.displaced()

    def promise(self, objective: Objective, here: Point, least: float) -> float:
        """Return zero: the slopes tell everything."""
        return 0.0

    def unseen(self, objective: Objective, here: Point) -> Tensor | None:
        """Return None: there is no model of residuals."""
        return None

    def sees_nothing(self, objective: Objective, here: Point) -> bool:
        """Return False: nothing but slopes is known."""
        return False

    def state(self) -> dict[str, Any]:
        """Return what a run needs to go on."""
        face = {} if self.box is None else {"face": self.restricted.state()}
        return {"shortened": self.shortened, **face, **self.direction.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.shortened = state["shortened"]
        if "face" in state:
            self.restricted.restore(state["face"])
        self.direction.restore(state)

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the point the search chose; where the budget ends within the search, the lowest one met."""
        line = self._line if self.box is None else partial(self._line_within, self.box)
        along, first, longest = line(objective, here)
        if along is None:
            return None
        try:
            trial = self.search(along, along.start, min(first, self.shortened), longest)
        except BudgetError:
            trial = along.best()
            if trial is None:
                # The next call goes on below the shortest trial, so that any budget gets somewhere.
                self.shortened = 0.2 * along.last[0].alpha or self.shortened
                raise
        self.shortened = math.inf
        return None if trial is None else self._accept(along, trial)

    def _line(self, objective: Objective, here: Point) -> tuple[Along | None, float, float]:
        """Return the line from `here`, the step to try first and the longest step."""
        direction, slope = self._descending(here, self.direction(here, partial(objective.hessian_times, here)))
        if not -math.inf < slope < 0:
            return None, 0.0, 0.0
        move = direction if self.scale is None else direction * self.scale
        first = self.lr * self.direction.first_trial(here, slope)
        return Along(objective, here, direction, move, slope), first, math.inf

    def _descending(self, here: Point, direction: Tensor) -> tuple[Tensor, float]:
        """Return the direction, or the steepest where it does not go down, and its slope."""
        slope = product(here.gradient, direction)
        if -math.inf < slope < 0 or self.direction.fresh:
            return direction, slope
        self.direction.forget()
        return self._descending(here, -here.gradient)

    def _line_within(self, box: Box, objective: Objective, here: Point) -> tuple[Along | None, float, float]:
        """Return the line to the projection of the method's first trial, on the numbers that no limit stops.

        Where the projection would not go down, the line ends at the first limit: Morales & Nocedal 2011, "Remark on
        algorithm 778: L-BFGS-B", https://doi.org/10.1145/2049662.2049669.
        """
        direction, first = self._on_face(box, here, partial(objective.hessian_times, here))
        if not first > 0:
            return None, 0.0, 0.0
        scale: Tensor | float = 1.0 if self.scale is None else self.scale
        ahead = direction * scale
        # A little longer, so that rounding leaves no number just short of the limit it goes to.
        longer = 1 + 4 * torch.finfo(here.x.dtype).eps
        # As long as the direction: Polak and Ribière's formula would take a shorter one for a smaller gradient.
        move = (box.project(here.x + first * ahead) - here.x) * (longer / first)
        slope = product(here.gradient, move / scale)
        if not slope < 0:
            move = ahead * (min(1.0, box.room(here.x, first * ahead)) * longer)
            slope = product(here.gradient, move / scale)
        if not slope < 0:
            return None, 0.0, 0.0
        longest = max(first, longer * box.room(here.x, move))
        return Along(objective, here, move / scale, move, slope, box), first, longest

    def _on_face(self, box: Box, here: Point, hessian: Operator) -> tuple[Tensor, float]:
        """Return the direction on the face of the numbers that neither the gradient nor it drives outward.

        With it comes the step length to try first, zero where nothing goes down. A number that lies on its limit and
        would be driven out of the box joins those that are stopped: Bertsekas 1982, "Projected Newton methods for
        optimization problems with simple constraints".
        """
        free = box.free(here.x, here.gradient)
        for _ in range(FACES):
            inner, direction = self.restricted(here, free, hessian)
            direction, slope = self._descending(inner, direction)
            if not -math.inf < slope < 0:
                return direction, 0.0
            outward = box.outward(here.x, direction) & free.bool()
            if self.direction.fresh or not bool(outward.any()):
                break
            free = free * ~outward
        return direction, self.lr * self.restricted.first_trial(inner, slope)

    def _accept(self, along: Along, trial: Trial) -> Point:
        there = along.point(trial)
        step = Step(along.here, there, along.direction, trial.alpha, along.start.slope, trial.slope)
        self.direction.learn(step)
        return there
