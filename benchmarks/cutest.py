"""CUTEst's unconstrained and bounded problems, run by us, SciPy and torch: `python benchmarks/cutest.py`.

A problem is solved at f - f* <= 1e-8 (f0 - f*), f* being the least that any of the solvers has found; a product of the
Hessian with a vector counts as one evaluation. Names from A to M may be tuned on; those from N to Z are told apart.
Written to --out: cutest-KIND.json (every run, kept and reused), cutest-KIND.md, and the profiles as pictures: data
profiles (Moré & Wild 2009) over evaluations, performance profiles (Dolan & Moré 2002) over evaluations / fewest.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from measuring.counted import Done
from peers.solvers import (
    FOREVER,
    TIGHT,
    closure_of,
    scipy_hessian,
    scipy_method,
    thalweg,
    thalweg_second_order,
    torch_lbfgs,
)
from problems.cutest import CutestProblem, cutest

import thalweg.optimizers.closure as ours

REFERENCE = "SciPy L-BFGS-B"
SHARE = 1e-8
FEWEST = 100
"""Evaluations that the time for a problem must have room for; slower ones are left out."""

Falls = list[tuple[int, float]]
"""The evaluations at which the loss fell, and to what."""


class Watched:
    """A problem whose falls are written down, up to its budget."""

    def __init__(self, problem: CutestProblem, budget: int, seconds: float) -> None:
        self.problem = problem
        self.budget = budget
        self.deadline = time.thread_time() + seconds
        self.evaluations = 0
        self.falls: Falls = []
        self.x = problem.start

    def count(self) -> None:
        if self.evaluations >= self.budget or time.thread_time() > self.deadline:
            raise Done
        self.evaluations += 1

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.count()
        value, gradient = self.problem.value_and_gradient(x)
        self.x = x.detach().clone()
        if math.isfinite(value) and (not self.falls or float(value) < self.falls[-1][1]):
            self.falls.append((self.evaluations, float(value)))
        return value, gradient

    with_graph = value_and_gradient

    def hessian_times(self, direction: Tensor) -> Tensor:
        self.count()
        return self.problem.hessian_times(self.x, direction)


def scipy_bounded(method: str, **options: Any) -> Callable[[Watched], None]:
    def solve(watched: Watched) -> None:
        def both(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = watched.value_and_gradient(torch.from_numpy(x.copy()))
            return float(value), gradient.numpy()

        problem = watched.problem
        limits = scipy.optimize.Bounds(problem.lower.numpy(), problem.upper.numpy())
        start = np.clip(problem.start.numpy(), limits.lb, limits.ub)
        scipy.optimize.minimize(both, start, jac=True, method=method, bounds=limits, options=options)

    return solve


def thalweg_bounded(method: Any, **options: Any) -> Callable[[Watched], None]:
    def solve(watched: Watched) -> None:
        x = torch.nn.Parameter(watched.problem.start.clone())
        limits = (watched.problem.lower, watched.problem.upper)
        zero = {"tolerance_grad": 0, "tolerance_change": 0}
        method([x], max_iter=FOREVER, bounds=limits, **zero, **options).step(closure_of(watched, x))

    return solve


UNCONSTRAINED = {
    REFERENCE: scipy_method("L-BFGS-B", ftol=0, gtol=0, maxfun=FOREVER),
    "SciPy BFGS": scipy_method("BFGS", gtol=0),
    "SciPy CG": scipy_method("CG", gtol=0),
    "SciPy trust-ncg": scipy_hessian("trust-ncg", gtol=0),
    "torch LBFGS, strong Wolfe": torch_lbfgs(**TIGHT),
    "thalweg LBFGS": thalweg(ours.LBFGS),
    "thalweg BFGS": thalweg(ours.BFGS),
    "thalweg SSBroyden": thalweg(ours.SSBroyden),
    "thalweg CG": thalweg(ours.CG),
    **{f"thalweg CG, {beta}": thalweg(ours.CG, beta=beta) for beta in ("shanno", "hz", "pr+", "hs", "hs-dy")},
    "thalweg TrustRegion": thalweg_second_order(ours.TrustRegion),
    "thalweg NewtonCG": thalweg_second_order(ours.NewtonCG),
}
BOUNDED = {
    REFERENCE: scipy_bounded("L-BFGS-B", ftol=0, gtol=0, maxfun=FOREVER, maxiter=FOREVER),
    "SciPy TNC": scipy_bounded("TNC", ftol=0, gtol=0, xtol=0, maxfun=FOREVER),
    "thalweg LBFGS": thalweg_bounded(ours.LBFGS),
    "thalweg BFGS": thalweg_bounded(ours.BFGS),
    "thalweg CG": thalweg_bounded(ours.CG),
}
COLORS = {
    "L-BFGS": "tab:blue",
    "LBFGS": "tab:blue",
    "BFGS": "tab:orange",
    "SSBroyden": "tab:brown",
    "TNC": "tab:purple",
    "Newton": "tab:purple",
    "CG": "tab:green",
    "rust": "tab:red",
}
"""The color of every kind of method; the first one that is part of a solver's name counts."""
KINDS = {"unconstrained": ("u", UNCONSTRAINED), "bounded": ("b", BOUNDED)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, default="unconstrained")
    parser.add_argument("--largest", type=int, default=12, help="unknowns that a problem may have")
    parser.add_argument("--every", type=int, default=1, help="take only every so many of the problems")
    parser.add_argument("--budget", type=int, default=1000, help="evaluations for a problem")
    parser.add_argument("--seconds", type=float, default=10.0, help="processor time for a problem and a solver")
    parser.add_argument("--only", nargs="*", default=[""], help="run solvers whose names contain one of these")
    parser.add_argument("--names", default="A-z", help="take problems whose first letter is in this range, as in N-Z")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs, left_out = measured(arguments)
    costs = solved(runs, arguments.only)
    text = report(costs, left_out, arguments.largest)
    (arguments.out / f"cutest-{arguments.kind}.md").write_text(text + "\n")
    profiles(costs, arguments.out / f"cutest-{arguments.kind}.png")
    print(text)


Runs = dict[str, dict[str, Falls]]
Costs = dict[str, dict[str, float]]


def measured(arguments: argparse.Namespace) -> tuple[Runs, dict[str, str]]:
    """Return every run that was asked for or is on record, and the problems left out with the reason."""
    kind, solvers = KINDS[arguments.kind]
    path = arguments.out / f"cutest-{arguments.kind}.json"
    runs: Runs = json.loads(path.read_text()) if path.exists() else {}
    left_out = {}
    asked = {name: solver for name, solver in solvers.items() if any(part in name for part in arguments.only)}
    first = next(problem for problem in cutest(kind, arguments.largest) if isinstance(problem, CutestProblem))
    for solver in asked.values():
        falls(solver, first, arguments)  # the first call of anything is slow
    for index, problem in enumerate(cutest(kind, arguments.largest)):
        if not arguments.names[0] <= name_of(problem)[0] <= arguments.names[-1]:
            continue
        if isinstance(problem, tuple):
            left_out[problem[0]] = problem[1]
        elif problem.seconds > arguments.seconds / FEWEST:
            left_out[problem.name] = f"{1e3 * problem.seconds:.0f} ms an evaluation"
        elif index % arguments.every == 0:
            for name, solver in asked.items():
                if problem.name not in runs.setdefault(name, {}):
                    runs[name][problem.name] = falls(solver, problem, arguments)
            path.write_text(json.dumps(runs))
    return runs, left_out


def name_of(problem: CutestProblem | tuple[str, str]) -> str:
    """Return the name of a problem, or of one that is left out."""
    return problem[0] if isinstance(problem, tuple) else problem.name


def falls(solver: Callable[[Any], None], problem: CutestProblem, arguments: argparse.Namespace) -> Falls:
    """Let a solver loose on a problem."""
    watched = Watched(problem, arguments.budget, arguments.seconds)
    with suppress(Done, IndexError, ValueError, FloatingPointError, OverflowError, np.linalg.LinAlgError):
        solver(watched)
    return watched.falls


def solved(runs: Runs, only: list[str]) -> Costs:
    """Return after how many evaluations each solver had solved each problem, infinite where it had not.

    Solvers are the reference and those asked for, problems those that all of them have run; every run on record counts
    for the least loss.
    """
    shown = {name: rows for name, rows in runs.items() if name == REFERENCE or any(part in name for part in only)}
    goals = {}
    for name in sorted(set.intersection(*(set(rows) for rows in shown.values()))):
        met = [rows[name] for rows in runs.values() if rows.get(name)]
        least, first = min(falls[-1][1] for falls in met), met[0][0][1]
        goals[name] = least + SHARE * (first - least)
    return {
        solver: {name: next((k for k, f in rows[name] if f <= goal), math.inf) for name, goal in goals.items()}
        for solver, rows in shown.items()
    }


def report(costs: Costs, left_out: dict[str, str], largest: int) -> str:
    """Return the table: all, those that may have been tuned on, and those that were not."""
    everything = list(costs[REFERENCE])
    parts = {
        "N to Z, never tuned on": [name for name in everything if name[0] >= "N"],
        "A to M": [name for name in everything if name[0] < "N"],
        "all": everything,
    }
    heads = [f"{part} ({len(names)}): solved | ratio" for part, names in parts.items()]
    lines = [f"n <= {largest}; ratio: evaluations / {REFERENCE}'s over what both solve, geometric mean.", ""]
    lines += [f"| method | {' | '.join(heads)} |", "|---|" + "---|---|" * len(parts)]
    for solver, row in costs.items():
        cells = [
            f"{sum(row[n] < math.inf for n in names)} | {ratio(row, costs[REFERENCE], names):.2f}"
            for names in parts.values()
        ]
        lines.append(f"| {solver} | {' | '.join(cells)} |")
    return "\n".join(
        [*lines, "", "Left out: " + ("; ".join(f"{k} ({v})" for k, v in left_out.items()) or "none") + "."]
    )


def ratio(row: dict[str, float], reference: dict[str, float], names: list[str]) -> float:
    """Return the geometric mean of the evaluations, over the problems that both solve."""
    both = [name for name in names if max(row[name], reference[name]) < math.inf]
    return math.exp(statistics.fmean(math.log(row[name] / reference[name]) for name in both)) if both else math.nan


def profiles(costs: Costs, path: Path) -> None:
    """Draw the share of problems solved, over evaluations and over evaluations / fewest."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(costs[REFERENCE])
    fewest = {name: min(row[name] for row in costs.values()) for name in names}
    figure, (data, performance) = plt.subplots(1, 2, figsize=(9, 4.8), constrained_layout=True, sharey=True)
    data.set(xscale="log", xlim=(2, 1000), xlabel="evaluations", ylabel="share of problems solved")
    performance.set(xscale="log", xlim=(1, 32), xlabel="evaluations / fewest of all solvers")
    data.set_xticks([3, 10, 30, 100, 300, 1000], [3, 10, 30, 100, 300, 1000], minor=False)
    performance.set_xticks([1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32], minor=False)
    for solver, row in costs.items():
        curve(data, solver, [row[name] for name in names])
        curve(performance, solver, [row[name] / fewest[name] if row[name] < math.inf else math.inf for name in names])
    figure.legend(*data.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def curve(axes: Any, solver: str, reached: list[float]) -> None:
    """Draw a solver's share of solved problems up to the right edge; others' lines are dotted, in the color of ours."""
    steps = sorted(value for value in reached if value < math.inf)
    shares = [(count + 1) / len(reached) for count in range(len(steps))]
    right = axes.get_xlim()[1]
    style = "-" if solver.startswith("thalweg") else "--" if solver.startswith("torch") else ":"
    color = next((color for kind, color in COLORS.items() if kind in solver), "gray")
    axes.step([*steps, right], [*shares, shares[-1]], style, color=color, where="post", label=solver, linewidth=1.6)


if __name__ == "__main__":
    main()
