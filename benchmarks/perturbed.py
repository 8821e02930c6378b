"""The ratios of benchmarks/closure.py at other starts, to see how far they hang on the standard ones."""

from __future__ import annotations

import dataclasses

import torch
from closure import REFERENCE, asked_of, halves_of, ratio
from measuring.counted import Run, run
from peers.solvers import LEAST_SQUARES, SOLVERS
from problems import PROBLEMS, Problem

METHODS = (REFERENCE, "thalweg LBFGS", "thalweg CG", "thalweg TrustRegion")


def main() -> None:
    torch.set_num_threads(1)
    for seed in (1, 2):
        minima(seed, moved([problem for problem in PROBLEMS if not problem.hard], seed))
        squares(seed, moved(asked_of("SciPy trf"), seed))


def moved(problems: list[Problem], seed: int) -> list[Problem]:
    """Return the problems with 10 % of noise on every number of their starts."""
    generator = torch.Generator().manual_seed(seed)
    factors = [1 + 0.1 * torch.randn(problem.size, dtype=torch.float64, generator=generator) for problem in problems]
    return [dataclasses.replace(p, start=p.start * factor) for p, factor in zip(problems, factors, strict=True)]


def minima(seed: int, problems: list[Problem]) -> None:
    runs = {name: {problem.name: run(SOLVERS[name], problem) for problem in problems} for name in METHODS}
    for name, rows in runs.items():
        print(f"draw {seed}: {name}: {solved(rows)}, {ratio(rows, runs[REFERENCE]):.2f}", flush=True)


def squares(seed: int, problems: list[Problem]) -> None:
    runs = {
        name: {problem.name: run(solver, problem) for problem in problems} for name, solver in LEAST_SQUARES.items()
    }
    for name, rows in runs.items():
        shares = [ratio(rows, runs["SciPy trf"], half) for half in halves_of(problems).values()]
        print(f"draw {seed}: {name}: {solved(rows)}, {' and '.join(f'{share:.2f}' for share in shares)}", flush=True)


def solved(rows: dict[str, Run]) -> str:
    return f"{sum(row.solved is not None for row in rows.values())} of {len(rows)}"


if __name__ == "__main__":
    main()
