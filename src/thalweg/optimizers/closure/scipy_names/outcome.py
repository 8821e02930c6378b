"""SciPy's result fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..optimizer import ClosureOptimizer
from ..proposals.dense_levenberg_marquardt import DenseLevenbergMarquardt
from ..run.result import Reason
from .fields import Fields


@dataclass(frozen=True, slots=True)
class Outcome(Fields):
    """The answer and how it was found, under the names of scipy.optimize.OptimizeResult.

    `x` has the structure of x0; `fun` is the loss there, and `jac` its gradient, of shape (n,). `success` says if that
    is a minimum, and `message` why the run stopped; `status` is 0 for success, 1 for a limit, 2 for a failure. `nit`,
    `nfev`, `njev` and `nhev` count iterations, and evaluations of the loss, of its gradient, and of products with the
    Hessian. `covariance` and `hess_inv`, the inverse Hessian, have shape (n, n), and are None unless asked for.
    """

    x: Any
    fun: Any
    jac: torch.Tensor
    success: Any
    status: int
    message: str
    nit: int
    nfev: int
    njev: int
    nhev: int
    covariance: torch.Tensor | None = None
    hess_inv: torch.Tensor | None = None


def outcome_of(optimizer: ClosureOptimizer, x: Any) -> Outcome:
    """Return the optimizer's last step as an outcome."""
    result, point, method = optimizer.result, optimizer.point, optimizer.current
    jacobians = method.jacobians if isinstance(method, DenseLevenbergMarquardt) else result.evaluations
    sign = -1.0 if optimizer.maximize else 1.0
    return Outcome(
        x,
        sign * result.value,
        sign * point.gradient,
        result.success,
        status_of(result.reason),
        result.message,
        result.iterations,
        result.evaluations,
        jacobians,
        result.hessian_products,
    )


def status_of(reason: Reason) -> int:
    """Return SciPy's number for a reason."""
    if reason.success:
        return 0
    return 1 if reason in (Reason.ITERATIONS, Reason.EVALUATIONS, Reason.CALLBACK) else 2


def rows_outcome(what: str, success: torch.Tensor, iterations: torch.Tensor, calls: int, **fields: Any) -> Outcome:
    """Return the outcome of a batch, one entry per row; the message says how many `what`."""
    count = int(success.sum())
    return Outcome(
        **fields,
        success=success,
        status=0 if count == len(success) else 1,
        message=f"{count} of {len(success)} {what}.",
        nit=int(iterations.max()) if len(iterations) else 0,
        nfev=calls,
        njev=calls,
        nhev=0,
    )
