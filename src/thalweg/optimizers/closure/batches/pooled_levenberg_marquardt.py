"""Least squares for many small problems at once: Levenberg and Marquardt's method on a pool of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..robust import Robust
from ..vector import accurate
from .boxed_step import boxed_step
from .linearize import Linearized
from .systems import grams

NUMBERS_AT_ONCE = 100_000
"""Residuals evaluated at once on a CPU, so that they and their derivatives stay in its caches."""

NUMBERS_IN_POOL = 1_600_000
"""Residuals of all rows in the pool; what is done once per row takes longer than its data where there are few rows."""

SHARE = 0.125
"""The share of rows that have ended at which others take their places."""

FLOOR = 0.03
"""The least bend of a robust loss, as a share of its slope, as for a single fit."""


@dataclass(slots=True)
class Pool:
    """The rows at work, b of them: where each is, its model there, and the step it tries.

    `gram` holds the products of the columns of J and of the residuals, shape (b, n + 1, n + 1). A row that has only
    just come has an infinite cost, so that its start is the first trial to be accepted.
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
        return Pool(*(getattr(self, field.name)[rows] for field in fields(self)))

    def joined(self, more: Pool) -> Pool:
        """Return these rows and others."""
        pairs = ((getattr(self, field.name), getattr(more, field.name)) for field in fields(self))
        return Pool(*(torch.cat(pair) for pair in pairs))


@dataclass(slots=True)
class Answers:
    """What the rows have come to; `gram` as in the pool."""

    x: Tensor
    cost: Tensor
    gram: Tensor
    success: Tensor
    iterations: Tensor
    calls: int = 0


@dataclass(slots=True)
class BatchedLevenbergMarquardt:
    """J'J + lambda D with D the diagonal of J'J, lambda after Nielsen; rows that have stopped make room for the next.

    Marquardt 1963, "An algorithm for least-squares estimation of nonlinear parameters",
    https://doi.org/10.1137/0111030; Nielsen 1999, "Damping parameter in Marquardt's method", equation 2.4. A row has
    arrived where Gauss and Newton's step, undamped and within bounds, promises less than `tolerance` of the loss, or is
    shorter than that share of x, both in units in which the diagonal is one. Where no damping helps
    any more, it has arrived only if that step promises no more than rounding could hide.
    """

    linearized: Linearized
    args: Sequence[Tensor]
    walls: tuple[Tensor, Tensor] | None
    robust: Robust | None
    tolerance: float
    max_iter: int
    residuals: int | None = None

    @torch.no_grad()
    def run(self, x0: Tensor) -> Answers:
        """Solve every row from its start."""
        answers = empty_answers(x0)
        waiting = 0
        pool = fresh(x0, torch.arange(0, device=x0.device))
        room = self.room(x0)
        answers.calls = min(1, len(x0))
        while waiting < len(x0) or len(pool.index):
            if waiting < len(x0):
                more = torch.arange(waiting, min(waiting + room - len(pool.index), len(x0)), device=x0.device)
                pool, waiting = pool.joined(fresh(x0, more)), waiting + len(more)
            self._go_on(pool, [arg[pool.index] for arg in self.args], answers)
            pool = pool.kept(~pool.ended)
        return answers

    def _go_on(self, pool: Pool, args: Sequence[Tensor], answers: Answers) -> None:
        """Iterate until some of the rows have ended; store those."""
        while True:
            cost, gram = self.squares(pool.trial, args)
            answers.calls += 1
            judge(pool, cost, gram)
            self._propose(pool)
            if float(pool.ended.double().mean()) >= SHARE:
                store(pool, answers)
                return

    def count(self, x: Tensor) -> int:
        """Return how many residuals a row has; the first call evaluates a row."""
        if self.residuals is None and len(x):
            self.residuals = self.linearized(x[:1], [arg[:1] for arg in self.args])[0].shape[1]
        return self.residuals or 0

    def room(self, x: Tensor) -> int:
        """Return how many rows are evaluated at once."""
        return max(64, NUMBERS_IN_POOL // max(1, self.count(x)))

    def squares(self, x: Tensor, args: Sequence[Tensor], floor: float = FLOOR) -> tuple[Tensor, Tensor]:
        """Return the loss, and the gram matrix of J and the residuals, in float64 where there is one."""
        block = max(64, NUMBERS_AT_ONCE // max(1, self.count(x)))
        if len(x) <= block or x.device.type != "cpu":
            return self._squares(x, args, floor)
        blocks = zip(x.split(block), *(arg.split(block) for arg in args), strict=True)  # type: ignore[no-untyped-call]
        costs, grams = zip(*(self._squares(block[0], block[1:], floor) for block in blocks), strict=True)
        return torch.cat(costs), torch.cat(grams)

    def _squares(self, x: Tensor, args: Sequence[Tensor], floor: float) -> tuple[Tensor, Tensor]:
        values, columns = self.linearized(x, args)
        cost = None
        if self.robust is not None:
            cost, weights = self.robust.cost(values), self.robust.weights(values, floor)
            values, columns = weights.residuals(values), [column * weights.bend.sqrt() for column in columns]
        gram = grams([*columns, values])
        return 0.5 * gram[:, -1, -1] if cost is None else cost.to(gram), gram

    def _propose(self, pool: Pool) -> None:
        """Set the next trial of each row, and see which have ended."""
        n = pool.x.shape[1]
        diagonal = pool.gram.diagonal(dim1=1, dim2=2)[:, :n]
        units = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
        matrix = pool.gram[:, :n, :n] * units[:, :, None] * units[:, None, :]
        slope = pool.gram[:, :n, n] * units
        dampings = torch.stack((pool.damping, torch.zeros_like(pool.damping)))
        (p, newton), (pool.promised, decrement) = boxed_step(matrix, slope, dampings, self._room(pool, units))
        pool.trial = self._inside(pool, pool.x + (p * units).to(pool.x))
        self._see_the_end(pool, newton, decrement, units)

    def _see_the_end(self, pool: Pool, newton: Tensor, decrement: Tensor, units: Tensor) -> None:
        """Mark the rows that have arrived, or that can get no further."""
        length, size = (torch.linalg.vector_norm(v, dim=1) for v in (newton, pool.x / units))
        rounding = torch.finfo(pool.x.dtype).eps
        near = (decrement <= self.tolerance * pool.cost) | (length <= max(self.tolerance, 4 * rounding) * size)
        stuck = (pool.damping > 1 / rounding) | ~(pool.promised > rounding * rounding * pool.cost)
        hidden = decrement <= rounding**0.5 * pool.cost
        finite = pool.cost.isfinite()
        pool.arrived = finite & (near | (stuck & hidden))
        pool.ended = pool.arrived | stuck | ~finite | (pool.iterations >= self.max_iter)

    def _room(self, pool: Pool, units: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return how far each number may move down and up, in the units of the model."""
        if self.walls is None:
            return None
        low, high = ((wall[pool.index] - pool.x) / units for wall in self.walls)
        return low, high

    def _inside(self, pool: Pool, x: Tensor) -> Tensor:
        return x if self.walls is None else x.clamp(*(wall[pool.index] for wall in self.walls))


def fresh(x0: Tensor, index: Tensor) -> Pool:
    """Return rows at their start."""
    x = x0[index]
    b, n = x.shape
    exact = x0.new_zeros(b, dtype=accurate(x0.device))
    return Pool(
        index=index,
        x=x,
        cost=exact.new_full((b,), torch.inf),
        gram=exact.new_zeros(b, n + 1, n + 1),
        trial=x,
        promised=exact,
        damping=exact.new_full((b,), 1e-3),
        growth=exact.new_full((b,), 2.0),
        iterations=torch.full((b,), -1, device=x0.device),
        arrived=torch.zeros(b, dtype=torch.bool, device=x0.device),
        ended=torch.zeros(b, dtype=torch.bool, device=x0.device),
    )


def judge(pool: Pool, cost: Tensor, gram: Tensor) -> None:
    """Accept the trials that fall as promised; damp less where the model was right, more where it was wrong."""
    # No product of two columns is larger than both of their squares.
    finite = (cost + gram.diagonal(dim1=1, dim2=2).sum(1)).isfinite()
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
        x=x0.clone(),
        cost=exact.new_full((b,), torch.nan),
        gram=exact.new_zeros(b, n + 1, n + 1),
        success=torch.zeros(b, dtype=torch.bool, device=x0.device),
        iterations=torch.zeros(b, dtype=torch.long, device=x0.device),
    )


def store(pool: Pool, answers: Answers) -> None:
    """Write down what the ended rows have come to."""
    rows = pool.kept(pool.ended)
    answers.x[rows.index] = rows.x
    answers.cost[rows.index] = rows.cost
    answers.gram[rows.index] = rows.gram
    answers.success[rows.index] = rows.arrived
    answers.iterations[rows.index] = rows.iterations
