"""Least squares for many small problems at once: Levenberg and Marquardt's method on a pool of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from ...function.robust import Robust
from ...function.vector import accurate
from ..members import Members
from ..pieces import slices
from .boxed_step import boxed_step
from .linearize import Linearized
from .marquardt import Fit, Limits, Scaled, Step, ends, free_step, judged, scaled
from .systems import by_places, grams, solved, symmetric

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


class Pool(NamedTuple):
    """The rows at work: which they are, where each of them is, and whether it has arrived or ended. All are vectors."""

    which: Tensor
    fit: Fit
    arrived: Tensor
    ended: Tensor

    def kept(self, rows: Tensor) -> Pool:
        """Return some of the rows."""
        return cast(Pool, tree_map(lambda column: column[rows], self))

    def replace(self, rows: Tensor, others: Pool) -> None:
        """Let other rows take the places of some."""
        for column, other in zip(tree_leaves(self), tree_leaves(others), strict=True):
            column[rows] = other


@dataclass(slots=True)
class Answers:
    """What the rows have come to: x of shape (b, n), `gram` the products of the columns of J and of the residuals.

    `inverse`, where it is known already, is (J'J)^-1, infinite where there is none.
    """

    x: Tensor
    cost: Tensor
    gram: Tensor
    success: Tensor
    iterations: Tensor
    calls: int = 0
    inverse: Tensor | None = None


@dataclass(frozen=True, slots=True)
class BatchedLevenbergMarquardt:
    """Levenberg and Marquardt's iterations for many rows at once; rows that have ended make room for the next.

    Rows have `residuals` residuals each; `equations`, where given, finds the gram matrices without them. What becomes
    of a row depends on no other row, and not on its place.
    """

    linearized: Linearized
    residuals: int
    robust: Robust | None
    tolerance: float
    max_iter: int
    equations: Callable[[Tensor, Tensor, Sequence[Tensor]], Tensor] | None = None

    @torch.no_grad()
    def run(self, members: Members) -> Answers:
        """Solve every row from its start."""
        answers = empty_answers(members.starts)
        waiting = min(self.room, len(members))
        pool = fresh(members, slice(0, waiting))
        while len(pool.which):
            pool = self._iterated(pool, members)
            answers.calls += 1
            ended = pool.ended.nonzero()[:, 0]
            store(pool.kept(ended), answers)
            coming = min(len(ended), len(members) - waiting)
            pool.replace(ended[:coming], fresh(members, slice(waiting, waiting + coming)))
            waiting += coming
            if coming < len(ended):
                pool = pool.kept((~pool.ended).nonzero()[:, 0])
        return answers

    @property
    def room(self) -> int:
        """Return how many rows are at work."""
        return min(max(64, NUMBERS_IN_POOL // max(1, self.residuals)), ROWS_IN_POOL)

    def _iterated(self, pool: Pool, members: Members) -> Pool:
        """Return the rows after their trials, with their next ones."""
        dtype = members.starts.dtype
        limits = Limits(self.tolerance, self.max_iter, torch.finfo(dtype).eps)
        cost, gram = self.squares(torch.stack(list(pool.fit.trial)).to(dtype).mT, pool.which, members.args)
        fit = judged(pool.fit, cost, triangle(gram), limits.rounding)
        model = scaled(fit.gram)
        walls = None if members.walls is None else [wall[pool.which].unbind(1) for wall in members.walls]
        step = free_step(model, fit.damping, solved) if walls is None else walled_step(fit, model, walls)
        trial = [(x + p * unit).to(dtype).to(x) for x, p, unit in zip(fit.x, step.step, model.units, strict=True)]
        if walls is not None:
            trial = [x.clamp(low, high) for x, low, high in zip(trial, *walls, strict=True)]
        fit = fit._replace(trial=trial, promised=step.promised)
        return Pool(pool.which, fit, *ends(fit, model, step, limits))

    def grams(self, members: Members, floor: float = FLOOR) -> Tensor:
        """Return the products of the columns of J and of the residuals at the starts."""
        index = torch.arange(len(members), device=members.starts.device)
        return self.squares(by_places(members.starts), index, members.args, floor)[1]

    def squares(self, x: Tensor, index: Tensor, args: Sequence[Tensor], floor: float = FLOOR) -> tuple[Tensor, Tensor]:
        """Return the loss of the rows in `index`, and the products of the columns of J and of the residuals."""
        if self.equations is not None:
            gram = self.equations(x, index, [arg.contiguous() for arg in args])
            return 0.5 * gram[:, -1, -1], gram
        size = max(64, NUMBERS_AT_ONCE // max(1, self.residuals)) if x.device.type == "cpu" else max(1, len(x))
        cost = x.new_empty(len(x), dtype=accurate(x.device))
        gram = by_places(cost.new_empty(len(x), x.shape[1] + 1, x.shape[1] + 1))
        for rows in slices(len(x), size):
            count, which = len(cost[rows]), self._beside(index[rows])
            costs, grams = self._squares(self._beside(x[rows]), [arg[which] for arg in args], floor)
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


def triangle(gram: Tensor) -> list[list[Tensor]]:
    """Return the numbers of the lower triangle, each a vector over the rows."""
    return [[gram[:, i, j] for j in range(i + 1)] for i in range(gram.shape[1])]


def walled_step(fit: Fit, model: Scaled, walls: Sequence[Sequence[Tensor]]) -> Step:
    """Return the step within bounds."""
    matrix, slope = symmetric(model.matrix), torch.stack(list(model.slope), -1)
    low, high = (
        torch.stack([(limit - x) / unit for limit, x, unit in zip(wall, fit.x, model.units, strict=True)], -1)
        for wall in walls
    )
    step, promised = boxed_step(matrix, slope, fit.damping, (low, high))
    newton, decrement = boxed_step(matrix, slope, torch.zeros_like(fit.damping), (low, high))
    return Step(step.unbind(-1), promised, newton.unbind(-1), decrement)


def fresh(members: Members, rows: slice) -> Pool:
    """Return rows at their start."""
    walls = None if members.walls is None else [wall[rows] for wall in members.walls]
    starts = members.starts[rows] if walls is None else members.starts[rows].clamp(*walls)
    x = [column.to(accurate(starts.device)) for column in starts.unbind(1)]
    zeros = starts.new_zeros(len(starts), dtype=accurate(starts.device))
    fit = Fit(
        x=x,
        cost=zeros + torch.inf,
        gram=[[zeros] * (i + 1) for i in range(len(x) + 1)],
        trial=x,
        promised=zeros,
        damping=zeros + 1e-3,
        growth=zeros + 2,
        iterations=zeros - 1,
    )
    return Pool(torch.arange(rows.start, rows.stop, device=starts.device), fit, zeros > 0, zeros > 0)


def empty_answers(starts: Tensor) -> Answers:
    """Return room for the answers: no row is a success yet."""
    b, n = starts.shape
    exact = starts.new_zeros(b, dtype=accurate(starts.device))
    return Answers(
        x=starts.clone(memory_format=torch.contiguous_format),
        cost=exact + torch.nan,
        gram=by_places(exact.new_zeros(b, n + 1, n + 1)),
        success=exact > 0,
        iterations=exact.long(),
    )


def store(rows: Pool, answers: Answers) -> None:
    """Write down what rows that have ended have come to."""
    answers.x[rows.which] = torch.stack(list(rows.fit.x), -1).to(answers.x)
    answers.cost[rows.which] = rows.fit.cost
    answers.gram[rows.which] = symmetric(rows.fit.gram)
    answers.success[rows.which] = rows.arrived
    answers.iterations[rows.which] = rows.fit.iterations.long()
