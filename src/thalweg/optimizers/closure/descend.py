"""The one loop: a method proposes the next point, the loop accepts, counts and stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from .bounds import Box
from .objective import BudgetError, Objective, Point
from .result import Reason, Result
from .stopping import Stopping


class Method(Protocol):
    """A way from one point to a lower one: a direction with a search, or a model with a trust region.

    `lr` multiplies the first step tried, `scale` the direction number by number, and `box` bounds the vector.
    """

    lr: float
    scale: Tensor | None
    box: Box | None

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the next point, None where none was found, or raise BudgetError."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether the method remembers nothing, so that forgetting cannot help."""
        ...

    def forget(self) -> None:
        """Start anew, by steepest descent."""
        ...

    def displaced(self) -> None:
        """Forget what holds only for the point left."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a run needs to go on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        ...


Callback = Callable[[Point, Result], object]


class Descent:
    """A run that can be stopped and gone on with: where it is, and what it cost so far."""

    def __init__(self, method: Method, stopping: Stopping) -> None:
        self.method = method
        self.stopping = stopping
        self.here: Point | None = None
        self.result = Result()
        self.before = (0, 0)

    @property
    def converged(self) -> bool:
        """Whether the last step ended at what looks like a minimum."""
        return self.result.reason.success

    def run(self, objective: Objective, max_iterations: float = math.inf, callback: Callback | None = None) -> Reason:
        """Go down from `here` until a test, a limit or the callback stops; every run has an objective of its own."""
        self.result.notes.clear()
        self.before = self.result.evaluations, self.result.hessian_products
        try:
            self.result.reason = self._loop(objective, max_iterations, callback)
        finally:
            self._record(objective)
        return self.result.reason

    def _loop(self, objective: Objective, max_iterations: float, callback: Callback | None) -> Reason:
        reason = self.stopping.at_start(self.point)
        iterations = 0
        while reason is None:
            if iterations >= max_iterations:
                reason = Reason.ITERATIONS
                break
            before = self.point
            reason = self._advance(objective, before)
            if reason is None:
                iterations += 1
                self.result.iterations += 1
                reason = self.stopping.after(before, self.point)
            if callback is not None and self._told(objective, callback):
                reason = Reason.CALLBACK
        return reason

    def _advance(self, objective: Objective, before: Point) -> Reason | None:
        """Move to the method's next point; where it finds none, forget and go along the steepest descent once."""
        if objective.spent:
            return Reason.EVALUATIONS
        try:
            there = self.method.advance(objective, before)
            if there is None and before.steepness == 0:
                return Reason.GRADIENT
            if there is None and not self.method.fresh:
                self._note("A search failed and the memory was dropped.")
                self.method.forget()
                there = self.method.advance(objective, before)
            if there is None:
                return self._stalled(objective, before)
        except BudgetError:
            return Reason.EVALUATIONS
        self.here = there
        return None

    def _stalled(self, objective: Objective, here: Point) -> Reason:
        """Tell a minimum from noise: the same point must give the same loss."""
        again = objective.at(here.x)
        if again.value == here.value:
            return Reason.STALLED
        self._note(f"It returned {here.value!r}, then {again.value!r}.")
        return Reason.NOISE

    def _note(self, note: str) -> None:
        if note not in self.result.notes:
            self.result.notes.append(note)

    def _told(self, objective: Objective, callback: Callback) -> bool:
        self._record(objective)
        return callback(self.point, self.result) is True

    @property
    def point(self) -> Point:
        """The point accepted last."""
        if self.here is None:
            raise RuntimeError("There is no point before the first step: call step(closure) first")
        return self.here

    def _record(self, objective: Objective) -> None:
        """Bring the result up to date; the objective has counted since this run began."""
        self.result.evaluations = self.before[0] + objective.evaluations
        self.result.hessian_products = self.before[1] + objective.products
        self.result.value, self.result.gradient_norm = self.point.value, self.point.steepness
