"""Which fits of a batch lie at a saddle or on a plateau that no linear model sees: the looks of a single run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..run.least_bend import combined
from ..run.lines import REACH
from ..run.unseen import MOST
from .fits.pooled_levenberg_marquardt import Answers, BatchedLevenbergMarquardt
from .fits.systems import by_places, inverses
from .losses.row_lines import Lines, size_of
from .losses.row_probe import doubted, refuted
from .losses.row_search import Searching, at_start
from .members import Members

SETTLING = 40
"""Iterations that a fit may take until nothing falls any more."""


@dataclass(frozen=True, slots=True)
class FitLosses:
    """Half the sums of squares of some fits, and their gradients by the Jacobian."""

    method: BatchedLevenbergMarquardt
    args: Sequence[Tensor]

    def differentiated(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and gradients of the rows `index` at x."""
        cost, gram = self.method.squares(by_places(x), index, self.args)
        return cost, gram[:, : x.shape[1], -1].contiguous()


@dataclass(slots=True)
class Rows(Searching):
    """Fits within their walls."""

    lower: Tensor
    upper: Tensor

    def inside(self, x: Tensor) -> Tensor:
        """Return the nearest points within the walls, as the dtype has them."""
        return torch.minimum(torch.maximum(x.to(self.lower), self.lower), self.upper)


@torch.no_grad()
def bend_down(method: BatchedLevenbergMarquardt, answers: Answers, members: Members) -> Tensor:
    """Return which successes are none, since the loss falls along ways that change no residual to first order.

    Only fits whose J'J is singular are asked, where they settle: slopes that a tolerance has left look like bends.
    Where the sum of squares is zero beside that of the start, none is lower.
    """
    least = smallest_share(method, members)
    asked = answers.success & is_singular(answers, least)
    if not bool(asked.any()):
        return asked
    which = asked.nonzero()[:, 0]
    epsilon = torch.finfo(members.starts.dtype).eps
    highest = method.squares(by_places(members.starts[which]), which, members.args)[0]
    which = which[~(answers.cost[which] <= epsilon * highest)]
    asked = torch.zeros_like(asked)
    if len(which):
        there = members.of(which, answers.x[which])
        settled = replace(method, tolerance=0.0, max_iter=SETTLING).run(there)
        losses = FitLosses(method, there.args)
        asked[which] = lower_beside(losses, at_rest(losses, settled.x, there.walls), settled.gram, least)
        answers.calls += settled.calls
    return asked


@torch.no_grad()
def rest_on_plateaus(method: BatchedLevenbergMarquardt, answers: Answers, members: Members) -> Tensor:
    """Return which successes are none, since a robust loss is so flat at their start that they have never left it."""
    asked = answers.success & (answers.iterations == 0)
    if method.robust is None or not bool(asked.any()):
        return torch.zeros_like(asked)
    which = asked.nonzero()[:, 0]
    there = members.of(which, answers.x[which])
    losses = FitLosses(method, there.args)
    asked[which], calls = refuted(losses, at_rest(losses, there.starts, there.walls))
    answers.calls += calls
    return asked


def smallest_share(method: BatchedLevenbergMarquardt, members: Members) -> float:
    """Return the share of J'J's largest eigenvalue that rounding makes of zero."""
    rounding, n = torch.finfo(members.starts.dtype).eps * method.residuals, members.starts.shape[1]
    return max(rounding**2, 10 * n * torch.finfo(torch.float64).eps)


def is_singular(answers: Answers, least: float) -> Tensor:
    """Return where J'J has no inverse, or one that is larger than that of its diagonal by all that rounding tells."""
    n = answers.x.shape[1]
    inverse = inverses(answers.gram[:, :n, :n]) if answers.inverse is None else answers.inverse
    products = inverse.diagonal(dim1=1, dim2=2) * answers.gram.diagonal(dim1=1, dim2=2)[:, :n]
    is_known: Tensor = (products * least < 1).all(1)  # NaN where one is infinite, the other zero
    return ~is_known


def at_rest(losses: FitLosses, x: Tensor, walls: tuple[Tensor, Tensor] | None) -> Rows:
    """Return fits at their answers; what they have come from decides nothing any more."""
    lower, upper = walls or (torch.full_like(x, -torch.inf), torch.full_like(x, torch.inf))
    begun = at_start(losses, x)
    begun["highest"] = begun["first_size"] = torch.full_like(begun["value"], torch.inf)
    return Rows(**begun, lower=lower, upper=upper)


def lower_beside(losses: FitLosses, rows: Rows, gram: Tensor, least: float) -> Tensor:
    """Return for which fits the loss falls along some combination of the ways that change no residual.

    Differences of gradients tell how the loss bends along each way; where it bends down, it is looked at itself.
    """
    ways = with_room(rows, torch.finfo(rows.x.dtype).eps ** REACH * unseen(rows, gram, least))
    there = [rows.at(losses, rows.inside(rows.x + way))[1] for way in ways.unbind(1)]
    slopes = torch.stack(there, 1) - rows.gradient[:, None]
    # Outside of a function's domain nothing bends.
    slopes = torch.where(slopes.isfinite().all(2).all(1)[:, None, None], slopes, 0.0)
    move, bend, _ = combined(ways, slopes)
    move, falls = move.to(rows.x), bend < 0
    if bool(falls.any()):
        lines = Lines(losses, rows, move, (rows.gradient * move).sum(1)).kept(falls)
        falls[falls.clone()] = doubted(lines)[0]
    return falls


def unseen(rows: Rows, gram: Tensor, least: float) -> Tensor:
    """Return the ways that change no residual, shape (b, k, n), each as long as the numbers; others are zero."""
    sizes = torch.where(rows.x == 0, size_of(rows.x)[:, None], rows.x.abs()).double()
    sizes = torch.where(sizes == 0, 1.0, sizes)
    stopped = ((rows.x <= rows.lower) & (rows.gradient > 0)) | ((rows.x >= rows.upper) & (rows.gradient < 0))
    n = rows.x.shape[1]
    units = torch.where(stopped, 0.0, sizes)
    longest = (units * gram.diagonal(dim1=1, dim2=2)[:, :n].sqrt()).amax(1, keepdim=True)
    shares = units / torch.where(longest > 0, longest, 1.0)  # Squares of the units themselves may be infinite.
    values, vectors = torch.linalg.eigh(shares[:, :, None] * gram[:, :n, :n] * shares[:, None])
    ways = torch.where((values <= least * values[:, -1:])[:, None], vectors, 0.0) * units[:, :, None]
    return ways.mT[:, :MOST]


def with_room(rows: Rows, ways: Tensor) -> Tensor:
    """Return each way, or its opposite where a wall is in the way."""
    there = rows.x[:, None] + ways
    has_room = ((there >= rows.lower[:, None]) & (there <= rows.upper[:, None])).all(-1, keepdim=True)
    return torch.where(has_room, ways, -ways)
