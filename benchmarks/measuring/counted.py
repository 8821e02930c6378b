"""A problem whose evaluations are counted and timed, up to its target or its budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from problems import Problem
from torch import Tensor


class Done(Exception):
    """Raised at the target, and instead of an evaluation too many."""


LIMIT = 30.0
"""Seconds of processor time for one problem: SciPy's BFGS, whose update costs n^3, would take hours."""


class Counted:
    """The first evaluation at or below the target counts as the solution, whatever the method says later."""

    def __init__(self, problem: Problem, budget: int | None = None, limit: float = LIMIT) -> None:
        self.problem = problem
        self.target = problem.target
        self.budget = budget or problem.budget
        self.evaluations = 0
        self.seconds = 0.0
        self.deadline = time.thread_time() + limit
        self.best = math.inf
        self.solved: int | None = None
        self.x, self.slope = torch.empty(0), torch.empty(0)

    def timed(self, work: Callable[[], Any]) -> Any:
        start = time.thread_time()
        if self.evaluations >= self.budget or start > self.deadline:
            raise Done
        self.evaluations += 1
        try:
            with torch.enable_grad():
                return work()
        finally:
            self.seconds += time.thread_time() - start

    def see(self, value: Tensor) -> None:
        number = float(value.detach())
        self.best = min(self.best, number)
        if number <= self.target:
            self.solved = self.evaluations
            raise Done

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        def work() -> tuple[Tensor, Tensor]:
            leaf = x.detach().requires_grad_()
            value = self.problem.value(leaf)
            value.backward()
            return value.detach(), leaf.grad

        value, gradient = self.timed(work)
        self.see(value)
        return value, gradient

    def with_graph(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and gradient, and keep the gradient's graph for products with the Hessian."""

        def work() -> tuple[Tensor, Tensor]:
            self.x = x.detach().requires_grad_()
            value = self.problem.value(self.x)
            (self.slope,) = torch.autograd.grad(value, self.x, create_graph=True)
            return value.detach(), self.slope.detach()

        value, gradient = self.timed(work)
        self.see(value)
        return value, gradient

    def hessian_times(self, vector: Tensor) -> Tensor:
        def work() -> Tensor:
            if not self.slope.requires_grad:
                return torch.zeros_like(vector)
            return torch.autograd.grad(self.slope, self.x, vector, retain_graph=True, materialize_grads=True)[0]

        return self.timed(work)

    def residuals(self, x: Tensor) -> Tensor:
        """Return the residuals with their graph."""
        assert self.problem.residuals is not None
        values = self.timed(lambda: self.problem.residuals(x))
        self.see(values.detach().square().sum())
        return values


class Run(NamedTuple):
    """How one method did on one problem."""

    solved: int | None
    evaluations: int
    best: float
    own: float


Solver = Callable[[Counted], None]


def run(solver: Solver, problem: Problem, budget: int | None = None, target: float | None = None) -> Run:
    """Let a solver loose on a problem; `own` is its processor time per evaluation outside the problem, in us."""
    counted = Counted(problem, budget, LIMIT if budget is None else math.inf)
    counted.target = counted.target if target is None else target
    start = time.thread_time()
    # pytorch-minimize's search raises IndexError on values that are not finite.
    with suppress(Done, IndexError, ValueError, FloatingPointError):
        solver(counted)
    seconds = time.thread_time() - start - counted.seconds
    return Run(counted.solved, counted.evaluations, counted.best, 1e6 * seconds / max(counted.evaluations, 1))
