"""Many small problems at once: BFGS on every row of a batch, each with its own step and its own stop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ...scipy_names.outcome import Outcome, rows_outcome
from .arrival import has_arrived, may_start_anew, succeeded
from .lbfgs import followed
from .row_losses import RowLosses
from .row_search import DELTA, EPSILON, MOST_TRIALS, SIGMA, Searching, are_numbers, at_start, narrow, searched, tried


@dataclass(slots=True)
class Rows(Searching):
    """Rows with a factor of the inverse Hessian each, shape (b, n, n), not known yet where the row is `fresh`.

    The inverse H = J J' cannot lose its positive eigenvalues by rounding, however singular the Hessian becomes.
    """

    memory: ClassVar[tuple[str, ...]] = ("factor",)

    factor: Tensor
    fresh: Tensor


@torch.no_grad()
def minimize_batch(losses: RowLosses, x0: Tensor, *, max_iter: int = 1000, tolerance_grad: float = 1e-8) -> Outcome:
    """Minimize the loss of every row of `x0`, shape (batch, n).

    A row stops where moving any one number by its size would change the loss by less than `tolerance_grad` of itself,
    or of what it has fallen, or where its search finds nothing lower: then it has arrived if rounding hides the rest.
    Rows that have stopped leave the batch. Fields of the outcome are tensors of shape (batch,); nfev counts calls of
    the user's function.

    Raises what `losses` raise.
    """
    if not len(x0):
        return empty_outcome(x0)
    rows = started(losses, x0.detach().clone())
    answers, calls = searched(rows, partial(going, tolerance=tolerance_grad), partial(try_step, losses), max_iter)
    return outcome(losses, answers, 1 + calls, tolerance_grad)


def started(losses: RowLosses, x: Tensor) -> Rows:
    """Return every row at its start, looking along its steepest descent."""
    batch, n = x.shape
    begun = at_start(losses, x)
    rows = Rows(**begun, factor=x.new_zeros(batch, n, n), fresh=torch.zeros_like(begun["trials"], dtype=torch.bool))
    descend(rows, ~rows.fresh)
    return rows


def descend(rows: Rows, chosen: Tensor) -> None:
    """Let some rows look along their steepest descent, and forget what they have learned."""
    steep, size = rows.gradient.abs().amax(1), rows.x.abs().amax(1)
    first = torch.where(size > 0, 0.1 * size, 0.1) / steep.clamp_min(torch.finfo(steep.dtype).tiny)
    rows.set_out(chosen, -rows.gradient, -rows.gradient.square().sum(1), first)
    rows.fresh = rows.fresh | chosen


def going(rows: Rows, tolerance: float) -> Tensor:
    """Return which rows have neither arrived nor run out of trials."""
    return (
        ~has_arrived(rows, rows.gradient, tolerance)
        & (rows.trials < MOST_TRIALS)
        & are_numbers(rows.x, rows.value, rows.gradient)
    )


def try_step(losses: RowLosses, rows: Rows) -> None:
    """Evaluate one trial of every row; accept it or move the row's bracket."""
    x = rows.x + rows.alpha[:, None] * rows.direction
    value, gradient = rows.at(losses, x)
    slope = (gradient * rows.direction).sum(1)
    finite = are_numbers(x, value, gradient)
    enough = value <= rows.value + DELTA * rows.alpha * rows.slope
    level = (value <= rows.value + EPSILON * rows.value.abs()) & (slope <= (2 * DELTA - 1) * rows.slope)
    falls = enough | level
    accepted = finite & falls & (slope >= SIGMA * rows.slope) & (rows.slope < 0)
    narrow(rows, ~accepted, finite & (slope < 0) & falls, value)
    advance(rows, accepted, x, value, gradient)


def advance(rows: Rows, accepted: Tensor, x: Tensor, value: Tensor, gradient: Tensor) -> None:
    """Move the accepted rows, bend their inverse Hessians, and set out along their new directions."""
    trials = tried(rows, accepted, value)
    s, y = x - rows.x, gradient - rows.gradient
    rows.factor = torch.where(accepted[:, None, None], bent(rows, s, y), rows.factor)
    rows.fresh = rows.fresh & ~accepted
    rows.move(accepted, x, value, gradient)
    newton = -(rows.factor @ (rows.factor.mT @ rows.gradient[:, :, None]))[:, :, 0]
    rows.set_out(accepted, newton, (rows.gradient * newton).sum(1), torch.ones_like(value))
    rows.trials = trials
    stuck = may_start_anew(rows, rows.gradient)
    rows.renew(stuck)
    descend(rows, stuck)


def bent(rows: Rows, s: Tensor, y: Tensor) -> Tensor:
    """Return the factors of the BFGS updates of H = J J': J - s v' J, with v = rho y - sqrt(rho / s'Bs) Bs.

    Brodlie, Gourlay & Greenstadt 1973, "Rank-one and rank-two corrections to positive definite matrices expressed in
    product form", https://doi.org/10.1093/imamat/11.1.73; the first H is scaled by Nocedal & Wright 2006, equation
    6.20. A direction is -H g, so that Bs = -alpha g.
    """
    s_y, y_y = (s * y).sum(1), y.square().sum(1)
    gamma = s_y / y_y
    b_s = torch.where(rows.fresh[:, None], s / gamma[:, None], -rows.alpha[:, None] * rows.gradient)
    s_b_s = (s * b_s).sum(1)
    bends = (s_y > torch.finfo(s.dtype).eps * torch.linalg.vector_norm(s, dim=1) * y_y.sqrt()) & (s_b_s > 0)
    unit = torch.eye(s.shape[1], dtype=s.dtype, device=s.device) * gamma.where(bends, 1.0).sqrt()[:, None, None]
    factor = torch.where(rows.fresh[:, None, None], unit, rows.factor)
    v = y / s_y[:, None] - b_s / (s_y.sqrt() * s_b_s.sqrt())[:, None]
    change = s[:, :, None] * (v[:, None, :] @ factor)
    return factor - change.where(bends[:, None, None], 0.0)


def outcome(losses: RowLosses, answers: Rows, calls: int, tolerance: float) -> Outcome:
    """Return SciPy's fields, one entry per row."""
    success, looks = succeeded(losses, answers, lambda rows: rows.gradient, tolerance, followed)
    fields = {"x": answers.x, "fun": answers.value * answers.unit, "jac": answers.gradient * answers.unit[:, None]}
    return rows_outcome(
        "problems reached their gradient tolerance", success, answers.iterations, calls + looks, **fields
    )


def empty_outcome(x0: Tensor) -> Outcome:
    """Return the outcome of no rows."""
    none = x0.new_zeros(0)
    fields = {"x": x0, "fun": none, "jac": x0.clone()}
    return rows_outcome("problems reached their gradient tolerance", none.bool(), none.long(), 0, **fields)
