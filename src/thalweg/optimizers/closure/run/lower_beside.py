"""Why a point that a run claims is no minimum: what the loss beside it says, the cheapest question first."""

from __future__ import annotations

from torch import Tensor

from .infinity import passes_through
from .lines import Beside
from .probe import refuted
from .result import Reason
from .standstill import bends_down_at_start
from .unseen import bends_down


def lower_beside(beside: Beside, ways: Tensor | None, highest: float, is_start: bool) -> Reason | None:
    """Return why the loss is lower beside a point, None where it is not; raises BudgetError.

    `ways`, shape (k, n), are those that a fit's model knows nothing of, and `highest` is the loss at the start of the
    run. Only a gradient that was given is probed, and along more than one line only where a run has taken no step.
    """
    if bends_down(beside, ways, highest):
        return Reason.SADDLE
    if not beside.objective.given:
        return None
    if passes_through(beside.objective, beside.before, beside.here):
        return Reason.SADDLE
    reason = refuted(beside, highest)
    return Reason.SADDLE if reason is None and is_start and bends_down_at_start(beside) else reason
