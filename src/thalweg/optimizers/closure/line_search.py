"""A direction and a search: the next point lies on a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from torch import Tensor

from .along import Along
from .bounds import Box
from .directions.face import Face
from .directions.lbfgs import LimitedMemory
from .directions.step import Direction, Step
from .objective import BudgetError, Objective, Point
from .search import Search, Trial
from .vector import dot, read_numbers


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
        self.face = Face()
        self.shortened = math.inf

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

    def state(self) -> dict[str, Any]:
        """Return what a run needs to go on."""
        face = {} if self.box is None else {"face": self.face.state()}
        return {"shortened": self.shortened, **face, **self.direction.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.shortened = state["shortened"]
        if "face" in state:
            self.face.restore(state["face"])
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
        slope = read_numbers(dot(here.gradient, direction))[0]
        if -math.inf < slope < 0 or self.direction.fresh:
            return direction, slope
        self.direction.forget()
        return self._descending(here, -here.gradient)

    def _line_within(self, box: Box, objective: Objective, here: Point) -> tuple[Along | None, float, float]:
        """Return the line to the projection of the method's first trial, on the numbers that no limit stops.

        Where the projection would not go down, the line ends at the first limit: Morales & Nocedal 2011, "Remark on
        algorithm 778: L-BFGS-B", https://doi.org/10.1145/2049662.2049669.
        """
        free = box.free(here.x, here.gradient)
        inner = Point(here.x, here.value, here.gradient * free, here.steepness, lengths=here.lengths)
        memory = cast(LimitedMemory, self.direction)
        direction, slope = self._descending(inner, self.face.direction(memory, inner, free))
        if not -math.inf < slope < 0:
            return None, 0.0, 0.0
        first = self.face.memory if not self.direction.fresh else memory
        direction = direction * (self.lr * first.first_trial(inner, slope))
        scale: Tensor | float = 1.0 if self.scale is None else self.scale
        move = box.project(here.x + direction * scale) - here.x
        slope = read_numbers(dot(here.gradient, move / scale))[0]
        if not slope < 0:
            move = direction * scale * min(1.0, box.room(here.x, direction * scale))
            slope = read_numbers(dot(here.gradient, move / scale))[0]
        if not slope < 0:
            return None, 0.0, 0.0
        return Along(objective, here, move / scale, move, slope, box), 1.0, max(1.0, box.room(here.x, move))

    def _accept(self, along: Along, trial: Trial) -> Point:
        there = along.point(trial)
        step = Step(along.here, there, along.direction, trial.alpha, along.start.slope, trial.slope)
        self.direction.learn(step)
        return there
