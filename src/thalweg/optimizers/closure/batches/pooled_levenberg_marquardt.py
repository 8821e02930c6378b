"""Least squares for many small problems at once: Levenberg and Marquardt's method on a pool of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..robust import Robust
from ..vector import accurate
from .boxed_step import boxed_step
from .linearize import Linearized
from .members import Members
from .pieces import slices
from .systems import by_places, dot, grams

NUMBERS_AT_ONCE = 100_000
"""Residuals evaluated at once on a CPU, so that they and their derivatives stay in its caches."""

NUMBERS_IN_POOL = 800_000
"""Residuals of all rows in the pool, whose data stay in the last cache."""

ROWS_IN_POOL = 8192
"""The most rows in the pool: what is done once per row takes longer than its data where there are few rows."""

BESIDE = 64
"""Numbers beside the last row that is meant: torch computes the last of a tensor by other instructions."""

FLOOR = 0.03
"""The least bend of a robust loss, as a share of its slope, as for a single fit."""


@dataclass(slots=True)
class Pool:
    """The rows at work, b of them: where each is, its model there, and the step it tries.

    `gram` holds the products of the columns of J and of the residuals, shape (b, n + 1, n + 1). A row that has only
    just come has an infinite cost, so that its start is the first trial to be accepted. In memory numbers of one place
    lie one after the other for all rows.
    """

    index: Tensor
    x: Tensor
    cost: Tensor
    gram: Tensor
    trial: Tensor
    promised: Tensor
    damping: Tensor
    growth: Tensor
    iterations: Tensor
    arrived: Tensor
    ended: Tensor

    def kept(self, rows: Tensor) -> Pool:
        """Return some of the rows."""
        columns = (getattr(self, field.name).movedim(0, -1) for field in fields(self))
        return Pool(*(column[..., rows].movedim(-1, 0) for column in columns))

    def replace(self, rows: Tensor, others: Pool) -> None:
        """Let other rows take the places of some."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(others, field.name)


@dataclass(slots=True)
class Answers:
    """What the rows have come to; `gram` as in the pool."""

    x: Tensor
    cost: Tensor
    gram: Tensor
    success: Tensor
    iterations: Tensor
    calls: int = 0


@dataclass(frozen=True, slots=True)
class BatchedLevenbergMarquardt:
    """J'J + lambda D with D the diagonal of J'J, lambda after Nielsen; rows that have stopped make room for the next.

    Marquardt 1963, "An algorithm for least-squares estimation of nonlinear parameters",
    https://doi.org/10.1137/0111030; Nielsen 1999, "Damping parameter in Marquardt's method", equation 2.4. A row has
    arrived where Gauss and Newton's step, undamped and within bounds, promises less than `tolerance` of the loss, or is
    shorter than that share of x, both in units in which the diagonal is one. Where no damping helps
    any more, it has arrived only if that step promises no more than rounding could hide.

    Rows have `residuals` residuals each; `equations`, where given, finds the gram matrices without them. What becomes of a row depends on no other row, and not on its place.
    """

    linearized: Linearized
    equations: Callable[[Tensor, Tensor, Sequence[Tensor]], Tensor] | None
    residuals: int
    robust: Robust | None
    tolerance: float
    max_iter: int

    @torch.no_grad()
    def run(self, members: Members) -> Answers:
        """Solve every row from its start."""
        answers = empty_answers(members.starts)
        starts = members.starts if members.walls is None else members.starts.clamp(*members.walls)
        waiting = min(self.room, len(starts))
        pool = fresh(starts, 0, waiting)
        while len(pool.index):
            self._iterate(pool, members)
            answers.calls += 1
            ended = pool.ended.nonzero()[:, 0]
            store(pool.kept(ended), answers)
            coming = min(len(ended), len(starts) - waiting)
            pool.replace(ended[:coming], fresh(starts, waiting, coming))
            waiting += coming
            if coming < len(ended):
                pool = pool.kept((~pool.ended).nonzero()[:, 0])
        return answers

    @property
    def room(self) -> int:
        """Return how many rows are at work."""
        return min(max(64, NUMBERS_IN_POOL // max(1, self.residuals)), ROWS_IN_POOL)

    def _iterate(self, pool: Pool, members: Members) -> None:
        cost, gram = self.squares(pool.trial, pool.index, members.args)
        judge(pool, cost, gram)
        self._propose(pool, members)

    def squares(self, x: Tensor, index: Tensor, args: Sequence[Tensor], floor: float = FLOOR) -> tuple[Tensor, Tensor]:
        """Return the loss of the rows in `index`, and the products of the columns of J and of the residuals."""
        if self.equations is not None:
            gram = self.equations(x, index, args)
            return 0.5 * gram[:, -1, -1], gram
        size = max(64, NUMBERS_AT_ONCE // max(1, self.residuals)) if x.device.type == "cpu" else max(1, len(x))
        cost = x.new_empty(len(x), dtype=accurate(x.device))
        gram = by_places(cost.new_empty(len(x), x.shape[1] + 1, x.shape[1] + 1))
        for rows in slices(len(x), size):
            count, where = len(cost[rows]), self._beside(index[rows])
            costs, grams = self._squares(self._beside(x[rows]), [arg[where] for arg in args], floor)
            cost[rows], gram[rows] = costs[:count], grams[:count]
        return cost, gram

    def _beside(self, rows: Tensor) -> Tensor:
        """Return the rows and, beside them, the last one again, with as many numbers as torch computes differently."""
        count = -(-BESIDE // max(1, self.residuals))
        return torch.cat((rows, rows[-1:].expand(count, *rows.shape[1:])))

    def _squares(self, x: Tensor, args: Sequence[Tensor], floor: float) -> tuple[Tensor, Tensor]:
        values, columns = self.linearized(x, args)
        cost = None
        if self.robust is not None:
            cost, weights = self.robust.cost(values), self.robust.weights(values, floor)
            values, columns = weights.residuals(values), [column * weights.bend.sqrt() for column in columns]
        gram = grams([*columns, values])
        return 0.5 * gram[:, -1, -1] if cost is None else cost.to(gram), gram

    def _propose(self, pool: Pool, members: Members) -> None:
        """Set the next trial of each row, and see which have ended."""
        n = pool.x.shape[1]
        diagonal = pool.gram.diagonal(dim1=1, dim2=2)[:, :n]
        units = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
        matrix = pool.gram[:, :n, :n] * units[:, :, None] * units[:, None, :]
        slope = pool.gram[:, :n, n] * units
        dampings = torch.stack((pool.damping, torch.zeros_like(pool.damping)))
        walls = None if members.walls is None else tuple(by_places(wall[pool.index]) for wall in members.walls)
        room = None if walls is None else ((walls[0] - pool.x) / units, (walls[1] - pool.x) / units)
        (p, newton), (pool.promised, decrement) = boxed_step(matrix, slope, dampings, room)
        trial = pool.x + (p * units).to(pool.x)
        pool.trial = trial if walls is None else trial.clamp(*walls)
        self._see_the_end(pool, newton, decrement, units)

    def _see_the_end(self, pool: Pool, newton: Tensor, decrement: Tensor, units: Tensor) -> None:
        """Mark the rows that have arrived, or that can get no further."""
        length, size = (dot(v, v).sqrt() for v in (newton, pool.x / units))
        rounding = torch.finfo(pool.x.dtype).eps
        near = (decrement <= self.tolerance * pool.cost) | (length <= max(self.tolerance, 4 * rounding) * size)
        stuck = (pool.damping > 1 / rounding) | ~(pool.promised > rounding * rounding * pool.cost)
        hidden = decrement <= rounding**0.5 * pool.cost
        finite = pool.cost.isfinite()
        pool.arrived = finite & (near | (stuck & hidden))
        pool.ended = pool.arrived | stuck | ~finite | (pool.iterations >= self.max_iter)


def fresh(starts: Tensor, first: int, count: int) -> Pool:
    """Return rows at their start."""
    x = by_places(starts[first : first + count])
    b, n = x.shape
    exact = x.new_zeros(b, dtype=accurate(x.device))
    return Pool(
        index=torch.arange(first, first + count, device=x.device),
        x=x,
        cost=exact.new_full((b,), torch.inf),
        gram=by_places(exact.new_zeros(b, n + 1, n + 1)),
        trial=x,
        promised=exact,
        damping=exact.new_full((b,), 1e-3),
        growth=exact.new_full((b,), 2.0),
        iterations=torch.full((b,), -1, device=x.device),
        arrived=torch.zeros(b, dtype=torch.bool, device=x.device),
        ended=torch.zeros(b, dtype=torch.bool, device=x.device),
    )


def judge(pool: Pool, cost: Tensor, gram: Tensor) -> None:
    """Accept the trials that fall as promised; damp less where the model was right, more where it was wrong."""
    # No product of two columns is larger than both of their squares.
    finite = (cost + gram.diagonal(dim1=1, dim2=2).amax(1)).isfinite()
    first = pool.iterations < 0
    rounding = 10 * torch.finfo(pool.x.dtype).eps * pool.cost
    ratio = (pool.cost - cost + rounding) / (pool.promised + rounding)
    good = finite & (first | (ratio > 1e-4))
    pool.x = torch.where(good[:, None], pool.trial, pool.x)
    pool.cost = torch.where(good, cost, pool.cost)
    pool.gram = torch.where(good[:, None, None], gram, pool.gram)
    less = (1 - (2 * ratio - 1) ** 3).clamp(0.1, 2.0)
    pool.damping = torch.where(first, pool.damping, pool.damping * torch.where(good, less, pool.growth))
    pool.growth = torch.where(good, 2.0, 2 * pool.growth)
    pool.iterations += 1


def empty_answers(x0: Tensor) -> Answers:
    """Return room for the answers: no row is a success yet."""
    b, n = x0.shape
    exact = x0.new_zeros(b, dtype=accurate(x0.device))
    return Answers(
        x=by_places(x0).clone(),
        cost=exact.new_full((b,), torch.nan),
        gram=by_places(exact.new_zeros(b, n + 1, n + 1)),
        success=torch.zeros(b, dtype=torch.bool, device=x0.device),
        iterations=torch.zeros(b, dtype=torch.long, device=x0.device),
    )


def store(rows: Pool, answers: Answers) -> None:
    """Write down what rows that have ended have come to."""
    answers.x[rows.index] = rows.x
    answers.cost[rows.index] = rows.cost
    answers.gram[rows.index] = rows.gram
    answers.success[rows.index] = rows.arrived
    answers.iterations[rows.index] = rows.iterations
