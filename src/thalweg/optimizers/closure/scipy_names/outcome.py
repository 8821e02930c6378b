"""SciPy's result fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..optimizer import ClosureOptimizer
from ..proposals.dense_levenberg_marquardt import DenseLevenbergMarquardt
from ..run.result import Reason
from .fields import Fields, Later


@dataclass(frozen=True, repr=False, eq=False)
class Outcome(Fields):
    """What `minimize` has found, under the names of scipy.optimize.OptimizeResult.

    `x` has the structure of x0; `fun` is the loss there, and `jac` its gradient, of shape (n,). `success` says if that
    is a minimum, and `message` why the run stopped; `status` is 0 for success, 1 for a limit, 2 for a failure, 99 where
    the callback stopped the run. `nit`, `nfev`, `njev` and `nhev` count iterations, and evaluations of the loss, of its
    gradient, and of products with the Hessian. `hess` and `hess_inv`, the Hessian at x and its inverse, have shape
    (n, n); they are computed when they are asked for.
    """

    x: Any
    fun: Any
    jac: Tensor
    success: Any
    status: int
    message: str
    nit: int
    nfev: int
    njev: int
    nhev: int


@dataclass(frozen=True, repr=False, eq=False)
class FitOutcome(Fields):
    """What `least_squares` has found, under the names of scipy.optimize.OptimizeResult.

    `x` has the structure of x0; `cost` is the loss there, and `fun` are the residuals. `grad` is the gradient of the
    loss, of shape (n,), `optimality` its largest magnitude where no bound stops it, and `active_mask` is -1 or 1 where
    a number lies on its lower or upper bound, else 0. `jac` is the Jacobian of the residuals, shape (m, n), weighted
    where the loss is robust, and `covariance` has shape (n, n); `fun`, `jac` and `covariance` are computed when they
    are asked for. `status` is 1 where the gradient is zero, 2 where the loss is minimal within rounding, 4 where
    nothing changes, 0 for a limit, -2 where the callback stopped the run, -1 for a failure; `success` says whether it
    is above 0.
    """

    x: Any
    cost: Any
    grad: Tensor
    optimality: Any
    active_mask: Tensor
    success: Any
    status: int
    message: str
    nit: int
    nfev: int
    njev: int


STATUS = {Reason.ITERATIONS: 1, Reason.EVALUATIONS: 1, Reason.CALLBACK: 99}
"""SciPy's numbers for why `minimize` stopped; 0 is success, and 2 any other reason."""

STATUS_OF_FITS = {
    Reason.GRADIENT: 1,
    Reason.ROUNDING: 2,
    Reason.CHANGE: 4,
    Reason.ITERATIONS: 0,
    Reason.EVALUATIONS: 0,
    Reason.CALLBACK: -2,
}
"""The same for `least_squares`, where -1 is any other reason."""

NOTHING = "There is no number to move."


def outcome_of(optimizer: ClosureOptimizer, x: Any, later: Later) -> Outcome:
    """Return the optimizer's last step as an outcome."""
    result = optimizer.result
    sign = -1.0 if optimizer.maximize else 1.0
    return Outcome(
        x=x,
        fun=sign * result.value,
        jac=sign * optimizer.point.gradient,
        success=result.success,
        status=0 if result.success else STATUS.get(result.reason, 2),
        message=result.message,
        nit=result.iterations,
        nfev=result.evaluations,
        njev=result.evaluations,
        nhev=result.hessian_products,
        later=later,
    )


def fit_outcome_of(optimizer: ClosureOptimizer, x: Any, later: Later) -> FitOutcome:
    """Return the last step of a fit as an outcome."""
    result, method = optimizer.result, optimizer.current
    return FitOutcome(
        x=x,
        cost=result.value,
        grad=optimizer.point.gradient,
        optimality=result.gradient_norm,
        active_mask=walls_at(optimizer),
        success=result.success,
        status=STATUS_OF_FITS.get(result.reason, -1),
        message=result.message,
        nit=result.iterations,
        nfev=result.evaluations,
        njev=method.jacobians if isinstance(method, DenseLevenbergMarquardt) else result.evaluations,
        later=later,
    )


def walls_at(optimizer: ClosureOptimizer) -> Tensor:
    """Return -1 for each number on its lower bound, 1 for one on its upper bound, else 0."""
    box, x = optimizer.current.box, optimizer.point.x
    if box is None:
        return torch.zeros_like(x, dtype=torch.int64)
    return (x >= box.upper).long() - (x <= box.lower).long()


@dataclass(frozen=True, repr=False, eq=False)
class Intermediate(Fields):
    """What SciPy hands to a callback of `minimize` whose only parameter is called `intermediate_result`."""

    x: Any
    fun: float
    nit: int
    nfev: int


@dataclass(frozen=True, repr=False, eq=False)
class FitIntermediate(Fields):
    """The same for `least_squares`; `fun`, the residuals, are computed when they are asked for."""

    x: Any
    cost: float
    nit: int
    nfev: int


def rows_outcome(what: str, success: Tensor, iterations: Tensor, calls: int, **fields: Any) -> Outcome:
    """Return the outcome of a batch, one entry per row; the message says how many `what`."""
    return Outcome(**fields, **counts(what, success, iterations, calls), nhev=0)


def counts(what: str, success: Tensor, iterations: Tensor, calls: int) -> dict[str, Any]:
    """Return the fields that say how a batch went; SciPy's status is one number, so it is that of the worst row."""
    count = int(success.sum())
    return {
        "success": success,
        "message": f"{count} of {len(success)} {what}.",
        "status": 0 if count == len(success) else 1,
        "nit": int(iterations.max()) if len(iterations) else 0,
        "nfev": calls,
        "njev": calls,
    }


def fit_rows_outcome(what: str, success: Tensor, iterations: Tensor, calls: int, **fields: Any) -> FitOutcome:
    """Return the outcome of a batch of fits; the message says how many `what`."""
    found = counts(what, success, iterations, calls)
    return FitOutcome(**fields, **found | {"status": 1 - found["status"]})


def nothing_moved(x: Any, value: float) -> Outcome:
    """Return the outcome of `minimize` where there are no numbers: what there is, is the answer."""
    return Outcome(x, value, torch.zeros(0, dtype=torch.float64), True, 0, NOTHING, 0, 1, 1, 0)


def nothing_fitted(x: Any, cost: float) -> FitOutcome:
    """Return the same of `least_squares`."""
    none = torch.zeros(0, dtype=torch.float64)
    return FitOutcome(x, cost, none, 0.0, none.long(), True, 1, NOTHING, 0, 1, 1)
