"""NIST's 27 certified regressions from two starts each: `python benchmarks/nist.py FOLDER`, a folder of .dat files.

The measure is the least number of right digits among the parameters (NIST's LRE), at most 11, and its mean over the 54
runs. A run is right from 4 digits on (2 in float32); a success with fewer is a false one. A to M and N to Z are
the same means by the first letter of the data set: nothing was chosen on the second half.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.optimize
import torch
from problems.certified import Certified, certified
from torch import Tensor

from thalweg.optimizers.closure import least_squares, minimize

PUBLISHED = {"Ceres": 9.4, "HBN": 6.8, "MINPACK": 4.4, "Gnuplot": 4.3}
"""Mean LRE as Ceres' authors publish it, of their own runs and of those they cite."""


class Run(NamedTuple):
    """How one solver did from one start."""

    name: str
    digits: float
    success: bool
    evaluations: int


Solver = Callable[[Certified, Tensor], tuple[object, bool, int]]


def ours(dtype: torch.dtype = torch.float64, **options: float) -> Solver:
    def solve(problem: Certified, start: Tensor) -> tuple[object, bool, int]:
        fit = least_squares(problem.residuals, start.to(dtype), **options)
        return fit.x, fit.success, fit.nfev

    return solve


def sum_of_squares(method: str) -> Solver:
    """Return `minimize` on the sum of squares, as if nobody knew what it is made of."""

    def solve(problem: Certified, start: Tensor) -> tuple[object, bool, int]:
        found = minimize(lambda b: problem.residuals(b).square().sum(), start, method, max_eval=5_000)
        return found.x, found.success, found.nfev + found.nhev

    return solve


def scipys(method: str, **options: object) -> Solver:
    def solve(problem: Certified, start: Tensor) -> tuple[object, bool, int]:
        def residuals(b: np.ndarray) -> np.ndarray:
            return problem.residuals(torch.tensor(b)).numpy()

        def jacobian(b: np.ndarray) -> np.ndarray:
            return torch.autograd.functional.jacobian(problem.residuals, torch.tensor(b)).numpy()

        try:
            fit = scipy.optimize.least_squares(residuals, start.numpy(), jacobian, method=method, **options)
        except ValueError:  # residuals that are not finite at the start, or on the way
            return start, False, 0
        return fit.x, fit.success, fit.nfev

    return solve


TIGHT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
SOLVERS: dict[str, Solver] = {
    "thalweg least_squares, zero tolerances": ours(tolerance_grad=0, tolerance_change=0, max_iter=200),
    "thalweg least_squares": ours(),
    "thalweg least_squares, scaled": ours(scaled=True),
    "SciPy trf, x_scale='jac', tolerances of 1e-15": scipys("trf", x_scale="jac", max_nfev=2000, **TIGHT),
    "SciPy trf": scipys("trf"),
    "SciPy lm, tolerances of 1e-15": scipys("lm", max_nfev=2000, **TIGHT),
    "SciPy lm": scipys("lm"),
    "thalweg minimize, lbfgs": sum_of_squares("lbfgs"),
    "thalweg minimize, bfgs": sum_of_squares("bfgs"),
    "thalweg minimize, ssbroyden": sum_of_squares("ssbroyden"),
    "thalweg minimize, cg": sum_of_squares("cg"),
    "thalweg minimize, newton-cg": sum_of_squares("newton-cg"),
    "thalweg minimize, trust-region": sum_of_squares("trust-region"),
    "thalweg least_squares, float32": ours(torch.float32, max_iter=200),
}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    problems = certified(folder)
    print("| solver | mean LRE | A to M | N to Z | right | false successes | evaluations, median |")
    print("|---|---|---|---|---|---|---|")
    for name, solver in SOLVERS.items():
        right = 2 if "float32" in name else 4
        print(row(name, [measured(solver, problem, start) for problem in problems for start in problem.starts], right))
    for name, digits in PUBLISHED.items():
        print(f"| {name}, as published by Ceres | {digits} | | | | | |")
    right = {problem.name: deviations(problem) for problem in problems}
    print(
        "Right digits of the standard deviations:", ", ".join(f"{name} {digits:.1f}" for name, digits in right.items())
    )


def measured(solver: Solver, problem: Certified, start: Tensor) -> Run:
    with np.errstate(all="ignore"):
        answer, success, evaluations = solver(problem, start)
    return Run(problem.name, problem.digits(answer), bool(success), evaluations)


def deviations(problem: Certified) -> float:
    """Return the least number of right digits among the standard deviations of the parameters."""
    options = {"tolerance_grad": 0, "tolerance_change": 0, "max_iter": 200}
    fit = least_squares(problem.residuals, problem.starts[1], covariance=True, **options)
    error = (fit.covariance.diagonal().sqrt() / problem.deviations - 1).abs().max()
    return float(-error.clamp_min(1e-11).log10())


def row(name: str, runs: list[Run], right: int) -> str:
    """Return a line of the table."""
    halves = [[run for run in runs if (run.name < "N") == first] for first in (True, False)]
    means = [f"{np.mean([run.digits for run in part]):.2f}" for part in (runs, *halves)]
    good = sum(run.digits >= right for run in runs)
    false = sum(run.success and run.digits < right for run in runs)
    middle = f"{np.median([run.evaluations for run in runs]):.0f}"
    return f"| {name} | {' | '.join(means)} | {good} of {len(runs)} | {false} | {middle} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where NIST's .dat files are")
    arguments = parser.parse_args()
    if not any(arguments.folder.glob("*.dat")):
        parser.error(f"{arguments.folder} has no .dat files: name the folder with NIST's data sets")
    main(arguments.folder)
