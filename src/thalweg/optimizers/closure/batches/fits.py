"""`least_squares` on a batch: reading what the user gives, and SciPy's fields for what the rows have come to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..outcome import Outcome, rows_outcome
from ..robust import Rho, robust_loss
from .linearize import Linearized, Residuals, by_autograd, by_given
from .members import rows_of, starts_of, walls_of
from .pooled_levenberg_marquardt import Answers, BatchedLevenbergMarquardt
from .systems import solve


def least_squares_batch(
    residuals: Residuals,
    x0: Any,
    args: Sequence[Any],
    *,
    jac: Callable[..., Any] | None = None,
    linearized: Linearized | None = None,
    bounds: Any = None,
    loss: str | Rho = "linear",
    f_scale: float = 1.0,
    covariance: bool = False,
    absolute_sigma: bool = False,
    tolerance: float = 1e-9,
    max_iter: int = 200,
) -> Outcome:
    """Return the least squares of every row of `x0`, shape (batch, n), where residuals(x, *args) has shape (b, m).

    Rows that have stopped leave, and others take their places, so `residuals` is given some of the rows at a time: what
    belongs to a row must be in `args`, and nothing may depend on a row's place. Fields of the outcome are tensors with
    one entry per problem; nfev counts how often rows were evaluated, as many as there was room for.
    """
    robust = robust_loss("least_squares", loss, f_scale)
    starts = starts_of("least_squares", x0)
    rows = rows_of("least_squares", args, len(starts))
    walls = walls_of("least_squares", bounds, starts)
    if linearized is None:
        linearized = by_autograd(residuals) if jac is None else by_given(residuals, jac)
    method = BatchedLevenbergMarquardt(linearized, rows, walls, robust, tolerance, max_iter)
    answers = method.run(starts if walls is None else starts.clamp(*walls))
    return outcome(answers, covariances(method, answers, absolute_sigma) if covariance else None)


def covariances(method: BatchedLevenbergMarquardt, answers: Answers, absolute_sigma: bool) -> Tensor:
    """Return (J'J)^-1 of each answer, times the variance of a residual unless that is one; inf where it is unknown."""
    b, n = answers.x.shape
    m = method.count(answers.x)
    gram = answers.gram if method.robust is None else scipys_grams(method, answers.x)
    diagonal = gram.diagonal(dim1=1, dim2=2)[:, :n]
    units = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    matrix = gram[:, :n, :n] * units[:, :, None] * units[:, None, :]
    unit = torch.eye(n, dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
    columns = torch.stack([solve(matrix, unit[:, i]) for i in range(n)], -1)
    variance = torch.ones_like(answers.cost) if absolute_sigma else 2 * answers.cost / max(m - n, 0)
    known = (columns.diagonal(dim1=1, dim2=2) > 0).all(1) & answers.success & variance.isfinite()
    if not bool(known.all()):
        count = int((~known).sum())
        why = f"{count} of {b} fits have no covariance of the parameters, so all its entries are inf"
        warnings.warn(f"{why}: give more points, fewer parameters or other starts", RuntimeWarning, 4)
    covariance = 0.5 * (columns + columns.mT) * units[:, :, None] * units[:, None, :] * variance[:, None, None]
    return torch.where(known[:, None, None], covariance, torch.inf).to(answers.x)


@torch.no_grad()
def scipys_grams(method: BatchedLevenbergMarquardt, x: Tensor) -> Tensor:
    """Return the gram matrices at the answers with a robust loss's true bend, which the steps keep from below."""
    floor = torch.finfo(torch.float64).eps
    parts = torch.split(torch.arange(len(x), device=x.device), method.room(x))
    grams = [method.squares(x[rows], [arg[rows] for arg in method.args], floor)[1] for rows in parts]
    return torch.cat(grams)


def outcome(answers: Answers, covariance: Tensor | None) -> Outcome:
    """Return SciPy's fields, one entry per row."""
    n = answers.x.shape[1]
    fields = {"x": answers.x, "fun": answers.cost.to(answers.x), "jac": answers.gram[:, :n, n].to(answers.x)}
    arrived = rows_outcome("fits arrived at a minimum", answers.success, answers.iterations, answers.calls, **fields)
    return replace(arrived, covariance=covariance)
