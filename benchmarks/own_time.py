"""The own time of closure methods beside SciPy's, in turns: `python benchmarks/own_time.py`.

Own time is processor time without the evaluations. A busy machine makes all of it longer, so that only ratios are told:
each solver's least of several runs, divided by that of SciPy's L-BFGS-B on the same problem; of these the median. The
problems are every third of those of `closure.py` with up to 1,000 unknowns. A call that starts at a minimum, of a loss
that takes no time, shows what setting out takes. BLAS must have one thread: set OPENBLAS_NUM_THREADS=1 and
OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.optimize
import torch

sys.path.insert(0, str(Path(__file__).parent))
from measuring.counted import run
from peers.solvers import SOLVERS
from problems import PROBLEMS, Problem

from thalweg.optimizers.closure import minimize

REFERENCE = "SciPy L-BFGS-B"
NAMES = (REFERENCE, "thalweg LBFGS", "thalweg CG", "thalweg BFGS", "thalweg TrustRegion")
BUDGET = 200
"""Evaluations that a run may take at most."""

AT_A_MINIMUM = 10
"""The unknowns of the call that has nothing to do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="how often each solver runs on each problem")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    run(SOLVERS[REFERENCE], PROBLEMS[0])  # the first call of anything is slow
    least = {problem.name: least_own(problem, arguments.turns) for problem in chosen()}
    print(table(least))
    print(f"\nA call at a minimum: {setting_out(200 * arguments.turns):.1f} times SciPy's.")


def chosen() -> list[Problem]:
    """Return every third problem, by size."""
    small = [problem for problem in PROBLEMS if problem.size <= 1000 and not problem.hard]
    return sorted(small, key=lambda problem: (problem.size, problem.name))[::3]


def least_own(problem: Problem, turns: int) -> dict[str, float]:
    """Return each solver's least own time per evaluation, in us."""
    own = [{name: run(SOLVERS[name], problem, BUDGET).own for name in NAMES} for _ in range(turns)]
    return {name: min(turn[name] for turn in own) for name in NAMES}


def table(least: dict[str, dict[str, float]]) -> str:
    """Return the ratios, with the quarters between which the middle half of the problems lies."""
    lines = ["| method | own time / SciPy L-BFGS-B | middle half of the problems |", "|---|---|---|"]
    for name in NAMES:
        ratios = [row[name] / row[REFERENCE] for row in least.values()]
        low, middle, high = statistics.quantiles(ratios, n=4)
        lines.append(f"| {name} | {middle:.2f} | {low:.2f} to {high:.2f} |")
    return "\n".join(lines)


def setting_out(turns: int) -> float:
    """Return how many times as long as SciPy's a call takes that starts at the minimum."""
    start, zeros = torch.zeros(AT_A_MINIMUM, dtype=torch.float64), np.zeros(AT_A_MINIMUM)

    def ours() -> None:
        minimize(lambda x: (0.0, start), start, jac=True)

    def theirs() -> None:
        scipy.optimize.minimize(lambda x: (0.0, zeros), zeros, jac=True, method="L-BFGS-B")

    pairs = [(seconds(ours), seconds(theirs)) for _ in range(turns)]
    return min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)


def seconds(call: Callable[[], None]) -> float:
    """Return the processor time of a call."""
    begun = time.thread_time()
    call()
    return time.thread_time() - begun


if __name__ == "__main__":
    main()
