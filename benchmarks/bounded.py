"""L-BFGS within bounds against SciPy's L-BFGS-B: `python benchmarks/bounded.py`.

Every problem of up to 1,000 numbers that is not hard gets a box around its start and its minimum; then two numbers in
five, drawn at random, may go no more than 30 to 80 % of the way. Solved means f - f* <= 1e-8 (f0 - f*) within 2,000
evaluations, f* being the lowest value that either has reached; a local minimum above it is not solved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import scipy.optimize
import torch
from closure import ratio
from measuring.counted import Counted, Done, Run
from peers.solvers import FOREVER, closure_of
from problems import PROBLEMS, Problem
from torch import Tensor

from thalweg.optimizers.closure import LBFGS, minimize

Box = tuple[Tensor, Tensor]
Solver = Callable[[Counted, Box], None]


def main() -> None:
    torch.set_num_threads(1)
    problems = [problem for problem in PROBLEMS if problem.size <= 1000 and not problem.hard]
    runs: dict[str, dict[str, Run]] = {name: {} for name in SOLVERS}
    for seed in (1, 2):
        for problem in problems:
            compare(problem, box_for(problem, seed), f"{problem.name}, draw {seed}", runs)
    for name, rows in runs.items():
        solved = sum(row.solved is not None for row in rows.values())
        print(f"{name}: {solved} of {len(rows)}, evaluations {ratio(rows, runs['SciPy L-BFGS-B']):.2f}")


def compare(problem: Problem, box: Box, key: str, runs: dict[str, dict[str, Run]]) -> None:
    """Let each solver find the lowest value it can, then count the evaluations to the lowest of all."""
    lowest = min(run(solver, problem, box, -math.inf).best for solver in SOLVERS.values())
    start = float(problem.value(problem.start))
    for name, solver in SOLVERS.items():
        runs[name][key] = run(solver, problem, box, lowest + 1e-8 * (start - lowest))


def run(solver: Solver, problem: Problem, box: Box, target: float) -> Run:
    counted = Counted(problem)
    counted.target = target
    with suppress(Done):
        solver(counted, box)
    return Run(counted.solved, counted.evaluations, counted.best, 0.0)


def box_for(problem: Problem, seed: int) -> Box:
    generator = torch.Generator().manual_seed(seed)
    start, end = problem.start, minimize(problem.value, problem.start, max_eval=problem.budget).x
    room = (end - start).abs() + 0.1 * (1 + end.abs())
    low, high = torch.minimum(start, end) - room, torch.maximum(start, end) + room
    stopped = torch.rand(problem.size, generator=generator) < 0.4
    share = 0.3 + 0.5 * torch.rand(problem.size, generator=generator, dtype=torch.float64)
    limit = start + share * (end - start)
    return torch.where(stopped & (end < start), limit, low), torch.where(stopped & (end > start), limit, high)


def scipy_solver(counted: Counted, box: Box) -> None:
    def both(x):
        value, gradient = counted.value_and_gradient(torch.from_numpy(x.copy()))
        return float(value), gradient.numpy()

    low, high = box
    bounds = scipy.optimize.Bounds(low.numpy(), high.numpy())
    tight = {"ftol": 0, "gtol": 0, "maxfun": FOREVER, "maxiter": FOREVER}
    start = counted.problem.start.numpy().copy()
    scipy.optimize.minimize(both, start, jac=True, method="L-BFGS-B", bounds=bounds, options=tight)


def thalweg_solver(history: int) -> Solver:
    def solve(counted: Counted, box: Box) -> None:
        x = torch.nn.Parameter(counted.problem.start.clone())
        forever = {"max_iter": FOREVER, "tolerance_grad": 0, "tolerance_change": 0}
        LBFGS([x], bounds=box, history_size=history, **forever).step(closure_of(counted, x))

    return solve


SOLVERS: dict[str, Solver] = {
    "SciPy L-BFGS-B": scipy_solver,
    "thalweg LBFGS": thalweg_solver(100),
    "thalweg LBFGS, 10 pairs": thalweg_solver(10),
}


if __name__ == "__main__":
    main()
