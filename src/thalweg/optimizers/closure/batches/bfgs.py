"""Many small problems at once: BFGS on every row of a batch, each with its own step and its own stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..outcome import Outcome
from .row_search import DELTA, EPSILON, MOST_TRIALS, SIGMA, evaluate, narrow


@dataclass(slots=True)
class Rows:
    """The rows still at work, b of them: where each is, its model, and the state of its search."""

    index: Tensor
    x: Tensor
    value: Tensor
    gradient: Tensor
    inverse: Tensor
    target: Tensor
    iterations: Tensor
    direction: Tensor
    slope: Tensor
    alpha: Tensor
    low: Tensor
    high: Tensor
    trials: Tensor

    def kept(self, rows: Tensor) -> Rows:
        """Return some of the rows."""
        return Rows(*(getattr(self, field.name)[rows] for field in fields(self)))


@torch.no_grad()
def minimize_batch(
    fun: Callable[[Tensor], Tensor], x0: Tensor, *, max_iter: int = 1000, tolerance_grad: float = 1e-8
) -> Outcome:
    """Minimize every row of `x0`, shape (batch, n), where `fun` maps (b, n) to (b,), row by row.

    A row stops when its largest gradient is down to `tolerance_grad` of its first, or when its search finds nothing
    lower. Rows that have stopped leave the batch, so `fun` must not depend on a row's place. Fields of the outcome
    are tensors of shape (batch,); nfev counts calls of `fun`.

    Raises ValueError for another shape of what `fun` returns.
    """
    if not len(x0):
        return empty_outcome(x0)
    rows = started(fun, x0.detach().clone(), tolerance_grad)
    answers = rows.kept(rows.index)
    calls = 1
    active = going(rows)
    while bool(active.any()) and calls < 2 * max_iter:
        rows = settled(rows, answers, active)
        try_step(fun, rows)
        calls += 1
        active = going(rows) & (rows.iterations < max_iter)
    settled(rows, answers, active)
    return outcome(answers, calls)


def started(fun: Callable[[Tensor], Tensor], x: Tensor, tolerance: float) -> Rows:
    """Return every row at its start, looking along its steepest descent."""
    batch, n = x.shape
    value, gradient = evaluate(fun, x)
    zeros, steep = torch.zeros_like(value), gradient.abs().amax(1)
    size = x.abs().amax(1)
    first = torch.where(size > 0, 0.1 * size, 0.1) / steep.clamp_min(1e-300)
    return Rows(
        index=torch.arange(batch, device=x.device),
        x=x,
        value=value,
        gradient=gradient,
        inverse=torch.zeros(batch, n, n, dtype=x.dtype, device=x.device),
        target=tolerance * steep,
        iterations=torch.zeros(batch, dtype=torch.long, device=x.device),
        direction=-gradient,
        slope=-gradient.square().sum(1),
        alpha=first,
        low=zeros.clone(),
        high=torch.full_like(value, float("inf")),
        trials=torch.zeros(batch, dtype=torch.long, device=x.device),
    )


def going(rows: Rows) -> Tensor:
    """Return which rows have neither arrived nor run out of trials."""
    arrived = rows.gradient.abs().amax(1) <= rows.target
    return ~arrived & (rows.trials < MOST_TRIALS) & rows.value.isfinite()


def settled(rows: Rows, answers: Rows, active: Tensor) -> Rows:
    """Write what the rows have reached into the answers; drop the idle ones where they are a quarter."""
    share = float(active.double().mean())
    if 0.75 < share < 1:
        rows.direction[~active] = 0.0
        return rows
    for field in fields(rows):
        if field.name not in ("index", "inverse"):
            getattr(answers, field.name)[rows.index] = getattr(rows, field.name)
    return rows if share == 1 else rows.kept(active)


def try_step(fun: Callable[[Tensor], Tensor], rows: Rows) -> None:
    """Evaluate one trial of every row; accept it or move the row's bracket."""
    x = rows.x + rows.alpha[:, None] * rows.direction
    value, gradient = evaluate(fun, x)
    slope = (gradient * rows.direction).sum(1)
    finite = value.isfinite() & gradient.isfinite().all(1)
    enough = value <= rows.value + DELTA * rows.alpha * rows.slope
    level = (value <= rows.value + EPSILON * rows.value.abs()) & (slope <= (2 * DELTA - 1) * rows.slope)
    falls = enough | level
    accepted = finite & falls & (slope >= SIGMA * rows.slope) & (rows.slope < 0)
    narrow(rows, ~accepted, finite & (slope < 0) & falls, value)
    advance(rows, accepted, x, value, gradient)


def advance(rows: Rows, accepted: Tensor, x: Tensor, value: Tensor, gradient: Tensor) -> None:
    """Move the accepted rows, bend their inverse Hessians, and set out along their new directions."""
    s, y = x - rows.x, gradient - rows.gradient
    column = accepted[:, None]
    rows.inverse = torch.where(column[:, None], bent(rows, s, y), rows.inverse)
    rows.x = torch.where(column, x, rows.x)
    rows.value = torch.where(accepted, value, rows.value)
    rows.gradient = torch.where(column, gradient, rows.gradient)
    newton = -(rows.inverse @ rows.gradient[:, :, None])[:, :, 0]
    rows.direction = torch.where(column, newton, rows.direction)
    rows.slope = torch.where(accepted, (rows.gradient * rows.direction).sum(1), rows.slope)
    rows.alpha = torch.where(accepted, 1.0, rows.alpha)
    rows.low = torch.where(accepted, 0.0, rows.low)
    rows.high = torch.where(accepted, float("inf"), rows.high)
    rows.trials = torch.where(accepted, 0, rows.trials)
    rows.iterations += accepted


def bent(rows: Rows, s: Tensor, y: Tensor) -> Tensor:
    """Return the BFGS update of each inverse: Nocedal & Wright 2006, equation 6.17, first scaled by 6.20."""
    s_y, y_y = (s * y).sum(1), y.square().sum(1)
    rho = (1 / s_y).where(s_y > 0, 0.0)[:, None, None]
    gamma = (s_y / y_y).where(s_y > 0, 1.0)
    unit = torch.eye(s.shape[1], dtype=s.dtype, device=s.device) * gamma[:, None, None]
    inverse = torch.where((rows.iterations == 0)[:, None, None], unit, rows.inverse)
    left = torch.eye(s.shape[1], dtype=s.dtype, device=s.device) - rho * s[:, :, None] * y[:, None, :]
    return left @ inverse @ left.mT + rho * s[:, :, None] * s[:, None, :]


def outcome(answers: Rows, calls: int) -> Outcome:
    """Return SciPy's fields, one entry per row."""
    success = answers.value.isfinite() & (answers.gradient.abs().amax(1) <= answers.target.clamp_min(0))
    count = int(success.sum())
    return Outcome(
        x=answers.x,
        fun=answers.value,
        jac=answers.gradient,
        success=success,
        status=0 if count == len(success) else 1,
        message=f"{count} of {len(success)} problems reached their gradient tolerance.",
        nit=max(answers.iterations.tolist(), default=0),
        nfev=calls,
        njev=calls,
        nhev=0,
    )


def empty_outcome(x0: Tensor) -> Outcome:
    """Return the outcome of no rows."""
    none = x0.new_zeros(0)
    return Outcome(
        x0, none, x0.clone(), none.bool(), 0, "0 of 0 problems reached their gradient tolerance.", 0, 0, 0, 0
    )
