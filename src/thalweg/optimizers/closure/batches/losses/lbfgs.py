"""Many small problems at once: L-BFGS on every row of a batch, within each row's bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ...run.valley import FOLLOWING
from ...scipy_names.outcome import Outcome, rows_outcome
from .arrival import has_arrived, may_start_anew, succeeded
from .row_losses import RowLosses
from .row_search import DELTA, EPSILON, MOST_TRIALS, SIGMA, Searching, are_numbers, at_start, narrow, searched, tried

FEW = FOLLOWING // 2
"""The iterations that rows may take to follow one number: each may need a second trial."""


@dataclass(slots=True)
class Rows(Searching):
    """Rows with their last steps `s` and `y`, shape (b, k, n), the newest last, and their walls.

    A pair that is missing is zero.
    """

    memory: ClassVar[tuple[str, ...]] = ("s", "y")

    s: Tensor
    y: Tensor
    lower: Tensor
    upper: Tensor

    def inside(self, x: Tensor) -> Tensor:
        """Return the nearest points within the walls."""
        return torch.minimum(torch.maximum(x, self.lower), self.upper)


@torch.no_grad()
def minimize_batch_lbfgs(
    losses: RowLosses,
    x0: Tensor,
    walls: tuple[Tensor, Tensor] | None,
    *,
    max_iter: int = 1000,
    history_size: int = 10,
    tolerance_grad: float = 1e-8,
) -> Outcome:
    """Minimize the loss of every row of `x0`, shape (batch, n).

    A row has arrived where moving any one number by its size would change the loss by less than `tolerance_grad` of
    itself, or of what it has fallen, or, where its search finds nothing lower, if rounding hides what is left to win.
    Rows that have stopped leave the batch.

    Schmidt, Kim & Sra 2011, "Projected Newton-type methods in machine learning", has the way along the walls: pairs are
    restricted to the numbers that no bound stops. Raises what `losses` raise.
    """
    rows = started(losses, x0, walls, history_size)
    answers, calls = searched(rows, partial(going, tolerance=tolerance_grad), partial(try_step, losses), max_iter)
    return outcome(losses, answers, bool(len(x0)) + calls, tolerance_grad)


def followed(losses: RowLosses, x: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, int]:
    """Return how low every row comes between its walls within a few iterations, and the calls made."""
    rows = started(losses, x, (lower, upper), FEW)
    answers, calls = searched(rows, partial(going, tolerance=0.0), partial(try_step, losses), FEW)
    value = answers.value * answers.unit
    return value.where(value.isfinite(), torch.inf), 1 + calls


def started(losses: RowLosses, x0: Tensor, walls: tuple[Tensor, Tensor] | None, history_size: int) -> Rows:
    """Return every row at its start, or at the nearest point within its bounds."""
    batch, n = x0.shape
    lower, upper = walls or (torch.full_like(x0, -torch.inf), torch.full_like(x0, torch.inf))
    begun = at_start(losses, x0.detach().clamp(lower, upper))
    value, pairs = begun["value"], torch.zeros(2, batch, history_size, n, dtype=x0.dtype, device=x0.device)
    rows = Rows(
        **begun,
        s=pairs[0],
        y=pairs[1],
        lower=lower,
        upper=upper,
    )
    set_out(rows, torch.ones_like(value, dtype=torch.bool))
    return rows


def free(rows: Rows) -> Tensor:
    """Return where a number may move against its gradient."""
    stopped = ((rows.x <= rows.lower) & (rows.gradient > 0)) | ((rows.x >= rows.upper) & (rows.gradient < 0))
    return (~stopped).to(rows.x)


def acting(rows: Rows) -> Tensor:
    """Return the gradient that no bound stops."""
    return rows.gradient * free(rows)


def going(rows: Rows, tolerance: float) -> Tensor:
    """Return which rows have neither arrived nor run out of trials."""
    return (
        ~has_arrived(rows, acting(rows), tolerance)
        & (rows.trials < MOST_TRIALS)
        & are_numbers(rows.x, rows.value, rows.gradient)
    )


def try_step(losses: RowLosses, rows: Rows) -> None:
    """Evaluate one trial of every row on its path, bent along the walls; accept it or move the row's bracket."""
    straight = rows.x + rows.alpha[:, None] * rows.direction
    x = rows.inside(straight)
    value, gradient = rows.at(losses, x)
    cut = x != straight
    slope = (gradient * rows.direction).masked_fill(cut, 0.0).sum(1)
    promised = (rows.gradient * (x - rows.x)).sum(1)
    finite = are_numbers(x, value, gradient)
    enough = value <= rows.value + DELTA * promised
    level = (value <= rows.value + EPSILON * rows.value.abs()) & (slope <= (2 * DELTA - 1) * rows.slope)
    falls = (enough | level) & (promised < 0)
    accepted = finite & falls & ((slope >= SIGMA * rows.slope) | cut.any(1))
    narrow(rows, ~accepted, finite & (slope < 0) & falls, value)
    advance(rows, accepted, x, value, gradient)


def advance(rows: Rows, accepted: Tensor, x: Tensor, value: Tensor, gradient: Tensor) -> None:
    """Move the accepted rows, remember their steps, and set out along their new directions."""
    remember(rows, accepted, x - rows.x, gradient - rows.gradient)
    rows.trials = tried(rows, accepted, value)
    rows.move(accepted, x, value, gradient)
    stuck = may_start_anew(rows, acting(rows))
    rows.renew(stuck)
    rows.s, rows.y = (pairs.masked_fill(stuck[:, None, None], 0.0) for pairs in (rows.s, rows.y))
    set_out(rows, accepted | stuck)


def remember(rows: Rows, accepted: Tensor, s: Tensor, y: Tensor) -> None:
    """Store the pairs that bend upwards beyond rounding, in place of the oldest."""
    rounding = torch.finfo(s.dtype).eps
    lengths = torch.linalg.vector_norm(s, dim=1) * torch.linalg.vector_norm(y, dim=1)
    bends = (accepted & ((s * y).sum(1) > rounding * lengths))[:, None, None]
    rows.s = torch.where(bends, torch.cat((rows.s[:, 1:], s[:, None]), 1), rows.s)
    rows.y = torch.where(bends, torch.cat((rows.y[:, 1:], y[:, None]), 1), rows.y)


def set_out(rows: Rows, moved: Tensor) -> None:
    """Give the rows that have moved a direction, and a search that has not begun."""
    mask = free(rows)
    down = -rows.gradient * mask
    newton, known = two_loops(rows, -down, mask)
    slope = (rows.gradient * newton).sum(1)
    good = known & (slope < 0) & newton.isfinite().all(1)
    direction = torch.where(good[:, None], newton, down)
    size = rows.x.abs().amax(1) if rows.x.numel() else rows.value
    steep = down.abs().amax(1).clamp_min(torch.finfo(down.dtype).tiny) if rows.x.numel() else rows.value
    first = torch.where(size > 0, 0.1 * size, 0.1) / steep
    slope = torch.where(good, slope, -down.square().sum(1))
    rows.set_out(moved, direction, slope, torch.where(good, 1.0, first))


def two_loops(rows: Rows, gradient: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return -H g on the free numbers, and for which rows a pair is known: Nocedal & Wright 2006, algorithm 7.4."""
    y = rows.y * mask[:, None]
    s_y = (rows.s * y).sum(2)
    lengths = torch.linalg.vector_norm(rows.s, dim=2) * torch.linalg.vector_norm(y, dim=2)
    bends = s_y > torch.finfo(s_y.dtype).eps * lengths
    rho = torch.where(bends, 1 / s_y, 0.0)
    q, alphas = gradient, []
    for k in reversed(range(s_y.shape[1])):
        alphas.append(rho[:, k] * (rows.s[:, k] * q).sum(1))
        q = q - alphas[-1][:, None] * y[:, k]
    q = q * newest_scale(s_y, y, bends)[:, None]
    for k in range(s_y.shape[1]):
        beta = rho[:, k] * (y[:, k] * q).sum(1)
        q = q + (alphas[-1 - k] - beta)[:, None] * rows.s[:, k] * mask
    return -q * mask, bends.any(1)


def newest_scale(s_y: Tensor, y: Tensor, bends: Tensor) -> Tensor:
    """Return s'y / y'y of the newest pair that bends upwards on the free numbers."""
    scales = torch.where(bends, s_y / y.square().sum(2), 0.0)
    places = torch.arange(1, bends.shape[1] + 1, device=bends.device) * bends
    return scales.gather(1, places.argmax(1, keepdim=True))[:, 0]


def outcome(losses: RowLosses, answers: Rows, calls: int, tolerance: float) -> Outcome:
    """Return SciPy's fields, one entry per row."""
    success, looks = succeeded(losses, answers, acting, tolerance, followed)
    fields = {"x": answers.x, "fun": answers.value * answers.unit, "jac": answers.gradient * answers.unit[:, None]}
    return rows_outcome("problems arrived at a minimum", success, answers.iterations, calls + looks, **fields)
