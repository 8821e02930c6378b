"""The one loop: a method proposes the next point, the loop accepts, counts and stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from thalweg.optimizers.closure.objective import BudgetSpent, Objective, Point
from thalweg.optimizers.closure.result import Reason, Result
from thalweg.optimizers.closure.stopping import Stopping


class Method(Protocol):
    """A way from one point to a lower one: a direction with a search, or a model with a trust region."""

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the next point, None where none was found, or raise BudgetSpent."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether the method remembers nothing, so that forgetting cannot help."""
        ...

    def forget(self) -> None:
        """Start anew, by steepest descent."""
        ...


Callback = Callable[[Point, Result], object]


class Descent:
    """A run that can be stopped and gone on with: where it is, and what it cost so far."""

    def __init__(self, method: Method, stopping: Stopping) -> None:
        self.method = method
        self.stopping = stopping
        self.here: Point | None = None
        self.result = Result()

    def run(self, objective: Objective, max_iterations: float = math.inf, callback: Callback | None = None) -> Reason:
        """Go down from `here` until a test, a limit or the callback stops."""
        self.result.notes.clear()
        reason = self._start()
        iterations = 0
        while reason is None:
            if iterations >= max_iterations:
                reason = Reason.ITERATIONS
                break
            before = self._here()
            reason = self._advance(objective, before)
            if reason is None:
                iterations += 1
                self.result.iterations += 1
                reason = self.stopping.after(before, self._here())
            if callback is not None and callback(self._here(), self.result) is True:
                reason = Reason.CALLBACK
        self.result.reason = reason
        self._record()
        return reason

    def _start(self) -> Reason | None:
        return self.stopping.at_start(self._here())

    def _advance(self, objective: Objective, before: Point) -> Reason | None:
        """Move to the method's next point; where it finds none, forget and go along the steepest descent once."""
        if objective.spent:
            return Reason.EVALUATIONS
        try:
            there = self.method.advance(objective, before)
            if there is None and not self.method.fresh:
                self._note("A search failed and the memory was dropped.")
                self.method.forget()
                there = self.method.advance(objective, before)
            if there is None:
                return self._stalled(objective, before)
        except BudgetSpent:
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

    def _here(self) -> Point:
        assert self.here is not None
        return self.here

    def _record(self) -> None:
        self.result.value = self._here().value
        self.result.gradient_norm = self._here().steepness
