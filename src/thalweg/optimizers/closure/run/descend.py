"""The one loop: a method proposes the next point, the loop accepts, counts and stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..function.objective import BudgetError, Objective, Point
from ..function.units import Units, lengths_of, unit_of
from ..function.vector import machine_epsilon
from .infinity import endless, strides_on
from .lines import Beside
from .lower_beside import lower_beside
from .method import Method
from .plateau import lower_on
from .probe import refuted
from .result import Reason, Result
from .stopping import Stopping, epsilon_of, is_nothing, rounding_at
from .valley import Following
from .verdict import HIDDEN, judged

CREEP = 1e-6
"""The share of the loss by which a step must lower it, to count as more than creeping."""

PATIENCE = 50
"""Iterations that may creep before the numbers are measured anew."""

IDLE = 20
"""Iterations that may pass without a loss lower than all before."""

MUCH = 0.01
"""The share of the loss that a model may promise at a success: at NIST's minima in float32 it is below 1e-3."""

Callback = Callable[[Point, Result], object]


class Descent:
    """A run that can be stopped and gone on with: where it is, how it measures, and what it cost so far."""

    def __init__(self, method: Method, stopping: Stopping, following: Following) -> None:
        self.method = method
        self.made_of: list[Any] = []
        self.following = following
        self.stopping = stopping
        self.here: Point | None = None
        self.scale: Tensor | None = None
        self.result = Result()
        self.before = (0, 0)
        self.kept: Tensor | None = None
        self.set_out()

    def set_out(self) -> None:
        """Forget everything: the next point is the start of a run."""
        self.method.forget()
        self.here = None
        self.units = Units()
        self.highest = self.lowest = self.restarted = self.first_size = math.inf
        self.creeping = self.idle = 0
        self.measure()

    def measure(self) -> None:
        """Tell the method how long a unit of each number is: the groups' scale times the run's lengths."""
        scale, lengths = self.scale, self.units.lengths
        self.method.scale = lengths if scale is None else scale if lengths is None else scale * lengths

    def begin(self, objective: Objective, here: Point) -> Point:
        """Take `here` for the start: its loss is the highest, and its gradient gives the unit of the loss."""
        self.units = objective.units = Units(unit_of(here.steepness, here.x.dtype) if self.method.measured else 1.0)
        unit = self.units.loss
        if unit != 1.0:
            gradient = self.units.inward(here.gradient)
            here = Point(here.x, here.value / unit, gradient, here.steepness / unit, here.box)
        self.here = here
        self.highest, self.restarted, self.first_size = here.value, math.inf, here.size or math.inf
        self.measure()
        return here

    def renew(self, there: Point) -> None:
        """Go on from the same or another point, whose loss may be another function by now."""
        self.method.displaced()
        if not (self.result.reason.success or self.result.reason.is_pause):
            self.method.forget()
        if there.value != self.point.value:
            self.highest, self.restarted, self.lowest = there.value, math.inf, math.inf
        self.here = there

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
        before = here = self.point
        beside = Beside(objective, before, here, self.first_size)
        self.kept = None if objective.evaluations else here.x
        reason, iterations = self.stopping.at_start(here), 0
        while reason is None:
            if iterations >= max_iterations:
                return Reason.ITERATIONS
            reason = self._advance(objective, here)
            left, here = here, self.point
            if reason is None:
                before, iterations = left, iterations + 1
                self.result.iterations += 1
                reason = self.stopping.after(before, here, self.highest) or self._vanished(objective, before, here)
                reason = reason or self._crept(before, here)
                if callback is not None and self._told(objective, callback):
                    return Reason.CALLBACK
            if reason is not None:
                reason, beside = self._revived(objective, before, left, reason)
                here = self.point
        return self._doubted(objective, before, reason, beside)

    def _revived(
        self, objective: Objective, before: Point, left: Point, reason: Reason
    ) -> tuple[Reason | None, Beside]:
        """Return why to stop, None where the run goes on anew after all, and the lines through the point."""
        renewed: Reason | None = reason
        if renewed is Reason.STALLED:
            renewed = self._again(objective, left)
        if renewed is Reason.NOISE and self.point.x is self.kept:
            # The step before has left a point that another loss was evaluated at.
            renewed, self.kept = self._anew(objective), None
        beside = Beside(objective, before, self.point, self.first_size)
        return renewed and self._loosened(beside, left, renewed), beside

    def _vanished(self, objective: Objective, before: Point, here: Point) -> Reason | None:
        """Return GRADIENT where the loss was lost beside what it was first, and each number beside the first ones.

        At a kink at zero, as that of |x|, every step wins its share for as long as there are smaller numbers. And as
        the numbers grow, a loss like exp(-x) falls for as long as it can.
        """
        lost = machine_epsilon(here.x.dtype) ** 2 * (self.highest - here.value)
        if abs(here.value) > lost or abs(before.value) > lost or not self.stopping.tolerance_grad:
            return None
        if strides_on(objective, before, here, self.first_size, self.highest):
            return Reason.UNBOUNDED
        seen = here.since(here)
        is_lost = seen.size < epsilon_of(here) * self.first_size < math.inf
        return Reason.GRADIENT if is_lost and is_nothing(seen.pull, here, self.highest) else None

    def _crept(self, before: Point, here: Point) -> Reason | None:
        """Return STALLED where the loss has hardly fallen for many iterations, or not at all for some."""
        self.creeping = self.creeping + 1 if before.value - here.value <= CREEP * abs(here.value) else 0
        self.idle = 0 if here.value < self.lowest else self.idle + 1
        self.lowest = min(self.lowest, here.value)
        worth = self.method.measured and here.value < self.restarted - abs(here.value) / 10
        if self.idle < IDLE and not (worth and self.creeping >= PATIENCE):
            return None
        self.creeping = self.idle = 0
        return Reason.STALLED

    def _advance(self, objective: Objective, before: Point) -> Reason | None:
        """Move to the method's next point."""
        if objective.spent:
            return Reason.EVALUATIONS
        try:
            there = self.method.advance(objective, before)
        except BudgetError:
            return Reason.EVALUATIONS
        if there is None:
            return Reason.GRADIENT if before.steepness == 0 else Reason.STALLED
        self.here = there
        return None

    def _again(self, objective: Objective, before: Point) -> Reason | None:
        """Start anew, each number measured by its size, where the loss has fallen since that was last done."""
        here = self.point
        if not here.value < self.restarted - rounding_at(here) or is_nothing(here.since(here).pull, here, self.highest):
            return self._judged(objective)
        # To start anew mostly leads back to where the last step was hidden by the numbers' rounding.
        if here.since(before).moved <= HIDDEN * epsilon_of(here) and (reason := self._judged(objective)).success:
            return reason
        if self.method.fresh and not self.method.measured:
            self.restarted = here.value
            return self._judged(objective)
        self._note("A search failed and the memory was dropped.")
        self._start_anew(before)
        return None

    def _start_anew(self, before: Point) -> None:
        """Forget what was learned, and measure each number by its size."""
        self.restarted = self.point.value
        if self.method.measured:
            self._remeasure(self.point, before)
        self.method.forget()

    def _anew(self, objective: Objective) -> Reason | None:
        """Evaluate the point again and go on from there; return EVALUATIONS where none is left."""
        if objective.spent:
            return Reason.EVALUATIONS
        self.result.notes.clear()
        self.method.forget()
        self.renew(objective.at(self.point.x))
        return None

    def _remeasure(self, here: Point, before: Point) -> None:
        """Measure each number by its size from now on."""
        gradient = self.units.outward(here.gradient)
        self.units.lengths = lengths_of(here.x, before.x)
        self.here = Point(here.x, here.value, self.units.inward(gradient), None, here.box, self.units.lengths)
        self.measure()

    def _loosened(self, beside: Beside, left: Point, reason: Reason) -> Reason | None:
        """Go on anew from a lower point where rounding hides nothing: some numbers have far to go."""
        if reason not in (Reason.CHANGE, Reason.ROUNDING) or not beside.objective.given:
            return reason
        try:
            lower = None if beside.loose is None else lower_on(beside.loose)
        except BudgetError:
            return reason
        if lower is None:
            return reason
        self.here = lower
        self._note("Some numbers had far to go, and the memory was dropped.")
        self._start_anew(left)
        return None

    def _doubted(self, objective: Objective, before: Point, reason: Reason, beside: Beside) -> Reason:
        """Take a success back where losses beside it are lower, as far as the budget allows to look."""
        try:
            # A model is that of the point evaluated last, so it is asked before others are.
            ways = self.method.unseen(objective, self.point) if reason.success else None
            reason = self._promised(objective, before, beside, reason)
            is_start = not self.result.iterations
            return (lower_beside(beside, ways, self.highest, is_start) if reason.success else None) or reason
        except BudgetError:
            return reason

    def _promised(self, objective: Objective, before: Point, beside: Beside, reason: Reason) -> Reason:
        """Take a success back where the numbers run away along a valley, or the model promises much."""
        if not reason.success or objective.spent:
            return reason
        here = self.point
        if runaway := endless(objective, before, beside, self.first_size, self.highest, self.following):
            return runaway
        if reason is Reason.GRADIENT or objective.spent:
            return reason
        promise = self.method.promise(objective, here, MUCH * abs(here.value))
        if not promise or is_nothing(promise, here, self.highest):
            return reason
        self._note(f"The model still promises {promise / abs(here.value):.0%} of the loss.")
        return Reason.STALLED

    def _judged(self, objective: Objective) -> Reason:
        """Say what it means that nothing falls any more."""
        try:
            reason, note = judged(objective, self.point, self.highest)
            if reason is Reason.STALLED and self.method.sees_nothing(objective, self.point):
                return Reason.ROUNDING
            if reason is Reason.STALLED and objective.given:
                reason = self._blamed(objective)
        except BudgetError:
            return Reason.EVALUATIONS
        if note:
            self._note(note)
        return reason

    def _blamed(self, objective: Objective) -> Reason:
        """Return WRONG_GRADIENT where the gradient is why nothing falls, else STALLED."""
        found = refuted(Beside(objective, self.point, self.point))
        return Reason.WRONG_GRADIENT if found is Reason.WRONG_GRADIENT else Reason.STALLED

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
        here = self.point_in_users_units
        self.result.value, self.result.gradient_norm = here.value, here.steepness

    @property
    def point_in_users_units(self) -> Point:
        """The point accepted last, as the closure would have it."""
        here, units = self.point, self.units
        if units.loss == 1.0 and units.lengths is None:
            return here
        return Point(here.x, here.value * units.loss, units.outward(here.gradient), None, here.box)
