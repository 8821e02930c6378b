"""Why a run stopped, as a sentence, and what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum


class Reason(Enum):
    """Why a run stopped."""

    GRADIENT = "The gradient is zero within tolerance_grad."
    CHANGE = "The last step changed neither the loss nor a parameter by more than tolerance_change."
    ITERATIONS = "The iterations allowed by max_iter are done; call again to go on."
    EVALUATIONS = "The evaluations allowed by max_eval are spent; call again to go on."
    STALLED = "No lower loss was found, though the gradient is not small: the loss has a kink, a jump or noise there."
    NOT_FINITE = "The loss or its gradient is not finite at the start: give finite parameters."
    NOISE = "The closure returned different losses at one point: it is noisy; use one batch, no dropout, per step."
    NO_GRADIENT = "No parameter wants a gradient and has an lr above 0, so none was moved."
    CALLBACK = "The callback asked to stop."
    RUNNING = "The run has not stopped."
    ROUNDING = "No lower loss was found, and the gradient promises none beyond rounding: the loss is minimal within it."
    UNBOUNDED = "The loss or the parameters go on without end: it is unbounded below, or has its minimum at infinity."
    WRONG_GRADIENT = "The gradient does not match the loss: compare them with check_grad(closure, params)."
    DOMAIN = "The loss falls right up to where it is not finite: it has no minimum inside its domain."
    SADDLE = "The gradient is small, but the loss falls beside the point: it is a saddle, a maximum or a kink."
    FLAT = "The loss is flat around the point: nothing tells a minimum from a plateau."

    @property
    def success(self) -> bool:
        """Whether the run ended at a minimum, as far as it can tell."""
        return self in (Reason.GRADIENT, Reason.CHANGE, Reason.ROUNDING)

    @property
    def is_pause(self) -> bool:
        """Whether a limit or the user has stopped the run, which the next step goes on with as if nothing had been."""
        return self in PAUSES


PAUSES = (Reason.ITERATIONS, Reason.EVALUATIONS, Reason.CALLBACK, Reason.RUNNING, Reason.NO_GRADIENT)


@dataclass(slots=True)
class Result:
    """How a run went: `message` says why it stopped."""

    reason: Reason = Reason.RUNNING
    value: float = math.nan
    gradient_norm: float = math.nan
    iterations: int = 0
    evaluations: int = 0
    hessian_products: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def success(self) -> bool:
        """Whether the run ended at a minimum, as far as it can tell."""
        return self.reason.success

    @property
    def message(self) -> str:
        """The reason as a sentence, with what was met on the way."""
        return " ".join([self.reason.value, *self.notes])

    def __str__(self) -> str:
        """Return the message with its figures."""
        return (
            f"{self.message} Loss {self.value:.6g}, largest gradient {self.gradient_norm:.3g}, "
            f"{self.iterations} iterations, {self.evaluations} evaluations."
        )
