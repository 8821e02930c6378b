"""`least_squares` on a batch: reading what the user gives, and SciPy's fields for what the rows have come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ....engine.llvm.closure_methods.grams import COLUMNS
from ....engine.llvm.closure_methods.normal_equations import NormalEquations
from ....formula.matrices.side_by_side import side_by_side
from ....state.interrupts import keeping_grad_mode
from ....warned import warn
from ..function.robust import Rho, robust_loss
from ..scipy_names.outcome import FitOutcome, fit_rows_outcome
from .compiled.compiled_fits import CompiledFits
from .compiled.recorded_model import is_right, recorded_model
from .fits.endless_fits import go_on
from .fits.linearize import Linearized, Model, Residuals, by_autograd, by_given, pointwise
from .fits.pooled_levenberg_marquardt import Answers, BatchedLevenbergMarquardt
from .fits.systems import inverses
from .members import Members, rows_of, starts_of, walls_of
from .pieces import equal_slices
from .saddles_of_fits import bend_down, rest_on_plateaus

POOLS_IN_PIECE = 4
"""So many rooms full of rows are solved by one thread: the last of them leave part of the room empty."""

FEWEST_COMPILED = 512
"""Rows of a compiled model that are worth a thread of their own."""

FEW = 16
"""Rows whose normal equations are compared with torch's, before a compiled model is believed."""

Run: TypeAlias = Callable[[Members], Answers]
"""Solves some of the problems."""


@dataclass(slots=True)
class Solved:
    """What some of the rows have come to, in the dtype of x."""

    x: Tensor
    cost: Tensor
    grad: Tensor
    success: Tensor
    iterations: Tensor
    covariance: Tensor | None


@keeping_grad_mode
def least_squares_batch(
    residuals: Residuals,
    x0: Any,
    args: Sequence[Any],
    *,
    jac: Callable[..., Any] | None = None,
    model: Model | None = None,
    bounds: Any = None,
    loss: str | Rho = "linear",
    f_scale: float = 1.0,
    covariance: bool = False,
    absolute_sigma: bool = False,
    tolerance: float = 1e-9,
    max_iter: int = 200,
) -> FitOutcome:
    """Return the least squares of every row of `x0`, shape (batch, n), where residuals(x, *args) has shape (b, m).

    Rows that have stopped leave, and others take their places, so `residuals` is given some of the rows at a time: what
    belongs to a row must be in `args`, and nothing may depend on a row's place. `model` are the same residuals, as a
    function of each parameter and each row of data; where it can be, it is compiled. Large batches are solved in
    pieces, on as many threads as torch has. Fields of the outcome are tensors with one entry per problem; nfev counts
    how often rows were evaluated, as many as there was room for, or as the piece's longest fit needed.
    """
    robust = robust_loss("least_squares", loss, f_scale)
    starts = starts_of("least_squares", x0)
    members = Members(starts, rows_of("least_squares", args, len(starts)), walls_of("least_squares", bounds, starts))
    linearized = linearization(residuals, jac, model)
    count = residuals_of(linearized, members)
    method = BatchedLevenbergMarquardt(linearized, count, robust, tolerance, max_iter)
    compiled = None if model is None else compiled_run(method, model, members)
    run, dtype = (method.run, starts.dtype) if compiled is None else (compiled, torch.float64)
    solved = partial(solved_members, run, dtype, method, covariance, absolute_sigma)
    fewest = method.room if compiled is None else FEWEST_COMPILED
    parts = [members.part(rows) for rows in equal_slices(len(members), fewest, POOLS_IN_PIECE * method.room)]
    pieces, calls = zip(*side_by_side(solved, parts, starts.device), strict=True)
    answers = outcome(pieces, members, sum(calls) + min(1, len(members)), residuals)
    warn_of_unknown(answers.get("covariance"))
    return answers


def linearization(residuals: Residuals, jac: Callable[..., Any] | None, model: Model | None) -> Linearized:
    """Return the way to the Jacobians: a model's copies of the parameters, the user's function, or autograd."""
    if model is not None:
        return pointwise(model)
    return by_autograd(residuals) if jac is None else by_given(residuals, jac)


def compiled_run(method: BatchedLevenbergMarquardt, model: Model, members: Members) -> Run | None:
    """Return the way for a compiled model in float64: whole fits, or normal equations within bounds; None without one.

    It is far faster than torch's in float32, too, and no less exact.
    """
    if method.robust is not None or not 0 < members.starts.shape[1] < COLUMNS or not members.starts.is_cpu:
        return None
    some = members.part(slice(0, FEW)).to(torch.float64)
    found = recorded_model(model, some)
    if found is None:
        return None
    if members.walls is None:
        fits = CompiledFits(found, method.tolerance, method.max_iter)
        return fits.run if is_right(fits.grams, model, some) else None
    compiled = replace(method, equations=NormalEquations(found.columns, found.data, found.points))
    return compiled.run if is_right(compiled.grams, model, some) else None


def residuals_of(linearized: Linearized, members: Members) -> int:
    """Return how many residuals a row has, by evaluating one."""
    if not len(members):
        return 0
    one = members.part(slice(0, 1))
    with torch.no_grad():
        return linearized(one.starts, one.args)[0].shape[1]


def solved_members(
    run: Run,
    dtype: torch.dtype,
    method: BatchedLevenbergMarquardt,
    covariance: bool,
    absolute_sigma: bool,
    members: Members,
) -> tuple[Solved, int]:
    """Return what a piece of the batch has come to, solved in a dtype, and after how many calls."""
    given, members = members, members.to(dtype)
    answers = run(members)
    answers.success &= ~go_on(method, answers, members)
    answers.success &= ~bend_down(method, answers, members)
    answers.success &= ~rest_on_plateaus(method, answers, members)
    spread = covariances(method, answers, members, absolute_sigma) if covariance else None
    x, n = answers.x.to(given.starts), answers.x.shape[1]
    cost, grad = answers.cost.to(x), answers.gram[:, :n, n].to(x).contiguous()
    spread = None if spread is None else spread.to(x)
    return Solved(x, cost, grad, answers.success, answers.iterations, spread), answers.calls


@torch.no_grad()
def covariances(method: BatchedLevenbergMarquardt, answers: Answers, members: Members, absolute_sigma: bool) -> Tensor:
    """Return (J'J)^-1 of each answer, times the variance of a residual unless that is one; inf where it is unknown."""
    n = answers.x.shape[1]
    inverse = answers.inverse
    if inverse is None:
        gram = answers.gram if method.robust is None else scipys_grams(method, answers.x, members)
        inverse = inverses(gram[:, :n, :n])
    degrees = max(method.residuals - n, 0)
    variance = torch.ones_like(answers.cost) if absolute_sigma else 2 * answers.cost / degrees
    known = inverse[:, 0, 0].isfinite() & answers.success & variance.isfinite()
    covariance = inverse * variance[:, None, None]
    return torch.where(known[:, None, None], covariance, torch.inf).to(answers.x).contiguous()


def scipys_grams(method: BatchedLevenbergMarquardt, x: Tensor, members: Members) -> Tensor:
    """Return the gram matrices at the answers with a robust loss's true bend, which the steps keep from below."""
    return method.grams(replace(members, starts=x), torch.finfo(torch.float64).eps)


def warn_of_unknown(covariance: Tensor | None) -> None:
    """Warn of covariances that are infinite."""
    count = 0 if covariance is None else int(covariance.isinf().flatten(1).all(1).sum())
    if covariance is not None and count:
        why = f"{count} of {len(covariance)} fits have no covariance of the parameters, so all its entries are inf"
        warn(f"{why}: give more points, fewer parameters or other starts")


def outcome(pieces: Sequence[Solved], members: Members, calls: int, residuals: Residuals) -> FitOutcome:
    """Return SciPy's fields, one entry per row."""
    names = ("x", "cost", "grad", "success", "iterations")
    joined = {name: torch.cat([getattr(piece, name) for piece in pieces]) for name in names}
    success, iterations, x = joined.pop("success"), joined.pop("iterations"), joined["x"]
    joined |= at_walls(x, joined["grad"], members)
    spreads = [piece.covariance for piece in pieces if piece.covariance is not None]
    spread = {"covariance": lambda: torch.cat(spreads)} if spreads else {}
    later = {**spread, "fun": lambda: residuals(x, *members.args)}
    arrived = fit_rows_outcome("fits arrived at a minimum", success, iterations, calls, **joined, later=later)
    return arrived.computed(*spread)


def at_walls(x: Tensor, grad: Tensor, members: Members) -> dict[str, Tensor]:
    """Return which numbers lie on a bound, and the largest slope of each row that none stops."""
    if members.walls is None:
        return {"active_mask": torch.zeros_like(x, dtype=torch.long), "optimality": largest(grad)}
    low, high = members.walls
    mask = (x >= high).long() - (x <= low).long()
    return {"active_mask": mask, "optimality": largest(grad.masked_fill(mask * grad < 0, 0.0))}


def largest(slopes: Tensor) -> Tensor:
    """Return the largest slope of each row."""
    return slopes.abs().amax(1) if slopes.shape[1] else slopes.new_zeros(len(slopes))
