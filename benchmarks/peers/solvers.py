"""How each library is called: tight tolerances, no limit but the budget, value and gradient together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import torch
from measuring.counted import Counted

import thalweg.optimizers.closure as ours
from thalweg.optimizers.closure.function.objective import Objective

Solver = Callable[[Counted], None]
FOREVER = 10**7


def closure_of(counted: Counted, x: torch.nn.Parameter) -> Callable[[], torch.Tensor]:
    def closure() -> torch.Tensor:
        value, x.grad = counted.value_and_gradient(x)
        return value

    return closure


def thalweg(method: Any, **options: Any) -> Solver:
    """One of our first-order optimizers."""

    def solve(counted: Counted) -> None:
        x = torch.nn.Parameter(counted.problem.start.clone())
        optimizer = method([x], max_iter=FOREVER, tolerance_grad=0, tolerance_change=0, **options)
        optimizer.step(closure_of(counted, x))

    return solve


def thalweg_second_order(method: Any) -> Solver:
    """One that multiplies by the Hessian: the closure leaves the graph, the optimizer differentiates."""

    def solve(counted: Counted) -> None:
        x = torch.nn.Parameter(counted.problem.start.clone())
        optimizer = method([x], max_iter=FOREVER, tolerance_grad=0, tolerance_change=0)
        objective = Objective(counted.with_graph, curvature=counted.hessian_times)
        optimizer.objective = lambda *_: objective
        optimizer.step(lambda: None)

    return solve


def thalweg_least_squares(counted: Counted) -> None:
    start = counted.problem.start.clone()
    ours.least_squares(counted.residuals, start, tolerance_grad=0, tolerance_change=0, max_iter=FOREVER)


def torch_lbfgs(**options: Any) -> Solver:
    """torch.optim.LBFGS, stepped until the budget ends; tolerances zero where options are given."""

    def solve(counted: Counted) -> None:
        x = torch.nn.Parameter(counted.problem.start.clone())
        optimizer = torch.optim.LBFGS([x], **options)
        before = None
        while before is None or not torch.equal(before, x):
            before = x.detach().clone()
            optimizer.step(closure_of(counted, x))

    return solve


TIGHT = {"max_iter": 1000, "tolerance_grad": 0.0, "tolerance_change": 0.0, "line_search_fn": "strong_wolfe"}


def scipy_method(method: str, **options: Any) -> Solver:
    def solve(counted: Counted) -> None:
        def both(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = counted.value_and_gradient(torch.from_numpy(x.copy()))
            return float(value), gradient.numpy()

        start = counted.problem.start.numpy().copy()
        scipy.optimize.minimize(both, start, jac=True, method=method, options={"maxiter": FOREVER, **options})

    return solve


def scipy_hessian(method: str, **options: Any) -> Solver:
    def solve(counted: Counted) -> None:
        def both(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = counted.with_graph(torch.from_numpy(x.copy()))
            return float(value), gradient.numpy()

        def product(x: np.ndarray, vector: np.ndarray) -> np.ndarray:
            if not np.array_equal(x, counted.x.detach().numpy()):
                counted.with_graph(torch.from_numpy(x.copy()))
            return counted.hessian_times(torch.from_numpy(np.asarray(vector, dtype=float).copy())).numpy()

        start = counted.problem.start.numpy().copy()
        limits = {"maxiter": FOREVER, **options}
        scipy.optimize.minimize(both, start, jac=True, hessp=product, method=method, options=limits)

    return solve


def scipy_least_squares(method: str) -> Solver:
    def solve(counted: Counted) -> None:
        def residuals(x: np.ndarray) -> np.ndarray:
            return counted.residuals(torch.from_numpy(x.copy())).numpy()

        def jacobian(x: np.ndarray) -> np.ndarray:
            point = torch.from_numpy(x.copy())
            return torch.autograd.functional.jacobian(counted.problem.residuals, point).numpy()

        tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": FOREVER}
        scipy.optimize.least_squares(
            residuals, counted.problem.start.numpy().copy(), jac=jacobian, method=method, **tight
        )

    return solve


def pytorch_minimize(method: str) -> Solver:
    """pytorch-minimize, where it is installed; its evaluations are those of the function it differentiates itself."""

    def solve(counted: Counted) -> None:
        import torchmin

        def value(x: torch.Tensor) -> torch.Tensor:
            result = counted.timed(lambda: counted.problem.value(x))
            counted.see(result)
            return result

        tight = {"gtol": 0.0, "xtol": 0.0} if method != "cg" else {"gtol": 0.0}
        torchmin.minimize(value, counted.problem.start.clone(), method=method, max_iter=FOREVER, options=tight)

    return solve


SOLVERS: dict[str, Solver] = {
    "SciPy L-BFGS-B": scipy_method("L-BFGS-B", ftol=0, gtol=0, maxfun=FOREVER),
    "SciPy CG": scipy_method("CG", gtol=0),
    "SciPy BFGS": scipy_method("BFGS", gtol=0),
    "SciPy trust-ncg": scipy_hessian("trust-ncg", gtol=0),
    "SciPy Newton-CG": scipy_hessian("Newton-CG", xtol=0),
    "torch LBFGS": torch_lbfgs(),
    "torch LBFGS, strong Wolfe, 10 pairs": torch_lbfgs(history_size=10, **TIGHT),
    "torch LBFGS, strong Wolfe": torch_lbfgs(**TIGHT),
    "pytorch-minimize L-BFGS": pytorch_minimize("l-bfgs"),
    "pytorch-minimize CG": pytorch_minimize("cg"),
    "thalweg LBFGS": thalweg(ours.LBFGS),
    "thalweg LBFGS, 10 pairs": thalweg(ours.LBFGS, history_size=10),
    "thalweg CG": thalweg(ours.CG),
    "thalweg CG, pr+": thalweg(ours.CG, beta="pr+"),
    "thalweg CG, hs-dy": thalweg(ours.CG, beta="hs-dy"),
    "thalweg BFGS": thalweg(ours.BFGS),
    "thalweg BFGS, self-scaled": thalweg(ours.BFGS, self_scaled=True),
    "thalweg SSBroyden": thalweg(ours.SSBroyden),
    "thalweg NewtonCG": thalweg_second_order(ours.NewtonCG),
    "thalweg TrustRegion": thalweg_second_order(ours.TrustRegion),
}
DENSE = {"SciPy BFGS", "thalweg BFGS", "thalweg BFGS, self-scaled", "thalweg SSBroyden"}
"""Methods that keep n^2 numbers: run for n <= 2,000 only."""

LEAST_SQUARES: dict[str, Solver] = {
    "SciPy trf": scipy_least_squares("trf"),
    "SciPy lm": scipy_least_squares("lm"),
    "thalweg LevenbergMarquardt": thalweg_least_squares,
}
