"""The ratios of benchmarks/closure.py at other starts, to see how far they hang on the standard ones."""

from __future__ import annotations

import dataclasses

import torch
from closure import REFERENCE, ratio
from counted import run
from problems import PROBLEMS
from solvers import SOLVERS

METHODS = (REFERENCE, "thalweg LBFGS", "thalweg CG", "thalweg TrustRegion")


def main() -> None:
    torch.set_num_threads(1)
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        moved = []
        for problem in (problem for problem in PROBLEMS if not problem.hard):
            factors = 1 + 0.1 * torch.randn(problem.size, dtype=torch.float64, generator=generator)
            moved.append(dataclasses.replace(problem, start=problem.start * factors))
        runs = {name: {problem.name: run(SOLVERS[name], problem) for problem in moved} for name in METHODS}
        for name, rows in runs.items():
            solved = sum(row.solved is not None for row in rows.values())
            print(f"draw {seed}: {name}: {solved} of {len(moved)}, {ratio(rows, runs[REFERENCE]):.2f}")


if __name__ == "__main__":
    main()
