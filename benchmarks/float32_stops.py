"""How long runs in float32 go on after they have arrived: `python benchmarks/float32_stops.py`.

Each problem is written for float64, and minimized in float32 with default tolerances. The measure is the evaluations up
to the stop, the probe of the minimum included, divided by those at which the loss was first as low as the lowest of the
run to 1e-6 of itself; where the lowest is zero, to 1e-6 of what the loss has fallen. A product of the Hessian with a
vector counts as an evaluation. Runs without success are counted apart: they claim nothing.
"""

from __future__ import annotations

import argparse
import math
import statistics
from contextlib import suppress
from typing import NamedTuple

import torch
from problems import PROBLEMS, Problem

from thalweg.optimizers.closure import minimize

METHODS = ("lbfgs", "bfgs", "ssbroyden", "cg", "trust-region", "newton-cg")
SECOND_ORDER = ("trust-region", "newton-cg")
SHARE = 1e-6
GOAL = 1.3


class Stop(NamedTuple):
    """What one run needed to arrive, and to stop."""

    name: str
    arrived: int
    stopped: int
    success: bool

    @property
    def ratio(self) -> float:
        return self.stopped / self.arrived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=100, help="unknowns that a problem may have")
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--each", action="store_true", help="print every run as well")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    problems = [p for p in PROBLEMS if p.size <= arguments.largest and not p.hard and knows_float32(p)]
    print("| method | runs | success | ratio, median | 9 of 10 below | within 1.3 | within 1.3 or 5 evaluations |")
    print("|---|---|---|---|---|---|---|")
    for method in arguments.methods:
        stops = [stop_of(problem, method) for problem in problems]
        print(row(method, stops), flush=True)
        if arguments.each:
            print(*sorted(stops, key=lambda stop: stop.ratio), sep="\n")


def knows_float32(problem: Problem) -> bool:
    """Return whether the problem can be evaluated in float32: some multiply by matrices in float64."""
    with suppress(RuntimeError):
        problem.value(problem.start.float())
        return True
    return False


class Watched:
    """A problem in float32 that writes down each loss, with the evaluations and products so far."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.count = 0
        self.losses: list[tuple[int, float]] = []

    def value(self, x: torch.Tensor) -> torch.Tensor:
        return self.problem.value(x).to(x.dtype)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        value = self.value(x)
        self.count += 1
        self.losses.append((self.count, float(value.detach())))
        return value

    def product(self, x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return torch.autograd.functional.hvp(self.value, x, direction)[1]


def stop_of(problem: Problem, method: str) -> Stop:
    """Minimize a problem in float32, and return where its loss arrived and where the run stopped."""
    watched = Watched(problem)
    products = {"hessp": watched.product} if method in SECOND_ORDER else {}
    found = minimize(watched.loss, problem.start.float(), method, max_iter=5_000, max_eval=5_000, **products)
    finite = [value for _, value in watched.losses if math.isfinite(value)]
    least = min(finite)
    goal = least + SHARE * (abs(least) or finite[0] - least)
    arrived = next(count for count, value in watched.losses if value <= goal)
    return Stop(problem.name, arrived, watched.count, found.success)


def row(method: str, stops: list[Stop]) -> str:
    """Return a line of the table."""
    claimed = [stop for stop in stops if stop.success]
    ratios = sorted(stop.ratio for stop in claimed)
    soon = sum(stop.ratio <= GOAL for stop in claimed)
    nearly = sum(stop.ratio <= GOAL or stop.stopped - stop.arrived <= 5 for stop in claimed)
    tenth = ratios[math.ceil(0.9 * len(ratios)) - 1]
    middle = statistics.median(ratios)
    return f"| `{method}` | {len(stops)} | {len(claimed)} | {middle:.2f} | {tenth:.2f} | {soon} | {nearly} |"


if __name__ == "__main__":
    main()
