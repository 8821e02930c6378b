"""Fits of a recorded model as machine code: each goes from its start to its end, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from .....engine.llvm.closure_methods.fits_in_lanes import OPTION, STATE, SUM, Iteration
from .....engine.llvm.closure_methods.normal_equations import PARAMETER
from .....engine.llvm.closure_methods.whole_fits import WholeFits
from .....formula.graph.expr import Constant, Expr, Symbol, apply
from ..fits.elimination import eliminated
from ..fits.marquardt import Fit, Limits, Scaled, Triangle, ends, free_step, inverted, judged, scaled
from ..fits.pooled_levenberg_marquardt import Answers
from ..fits.systems import symmetric
from ..members import Members
from .recorded_model import Recorded

ROUNDING = float(torch.finfo(torch.float64).eps)


class CompiledFits:
    """Levenberg and Marquardt's iterations on a model, without bounds, as a kernel."""

    def __init__(self, model: Recorded, tolerance: float, max_iter: int) -> None:
        n = len(model.columns) - 1
        self.tolerance, self.max_iter = tolerance, max_iter
        self.kernel = WholeFits(model.columns, model.data, model.points, iteration(n))
        start = beginning(symbols(PARAMETER, n))
        self.shape = tree_flatten(answer(start, scaled(start.gram), True))[1]

    def run(self, members: Members, max_iter: int | None = None) -> Answers:
        """Solve every row from its start."""
        limits = self.tolerance, float(self.max_iter if max_iter is None else max_iter)
        numbers = self.kernel(members.starts, [arg.contiguous() for arg in members.args], limits)
        x, cost, gram, inverse, iterations, arrived = tree_unflatten(numbers.unbind(), self.shape)
        calls = 1 + int(iterations.max())
        found = torch.stack(x, 1), cost, symmetric(gram), arrived > 0, iterations.long()
        return Answers(*found, calls, symmetric(inverse))

    def grams(self, members: Members) -> Tensor:
        """Return the products of the columns of J and of the residuals at the starts."""
        return self.run(members, 0).gram


@cache
def iteration(n: int) -> Iteration:
    """Return the iteration for n parameters, each number of it a symbol."""
    start = beginning(symbols(PARAMETER, n))
    leaves, spec = tree_flatten(start)
    before: Fit = tree_unflatten(symbols(STATE, len(leaves)), spec)
    places: Fit = tree_unflatten(range(len(leaves)), spec)
    after, model, arrived, ended = iterated(before, sums(n + 1))
    told = tree_leaves(answer(after, model, arrived))
    return Iteration(leaves, list(places.trial), tree_leaves(after), ended, told, options=2)


def beginning(x: Sequence[Expr]) -> Fit:
    """Return a fit at its start."""
    gram = [[Constant(0.0)] * (i + 1) for i in range(len(x) + 1)]
    cost, promised, damping, growth, iterations = map(Constant, (float("inf"), 0.0, 1e-3, 2.0, -1.0))
    return Fit(x, cost, gram, x, promised, damping, growth, iterations)


def iterated(fit: Fit, gram: Triangle) -> tuple[Fit, Scaled, Expr, Expr]:
    """Return a fit after its trial, with its next one, its model, whether it has arrived, and whether it ends."""
    tolerance, max_iter = symbols(OPTION, 2)
    limits = Limits(tolerance, max_iter, ROUNDING)
    fit = judged(fit, 0.5 * gram[-1][-1], gram, ROUNDING)
    model = scaled(fit.gram)
    step = free_step(model, fit.damping, partial(eliminated, rounding=ROUNDING))
    trial = [x + p * unit for x, p, unit in zip(fit.x, step.step, model.units, strict=True)]
    fit = fit._replace(trial=trial, promised=step.promised)
    return fit, model, *ends(fit, model, step, limits)


def answer(fit: Fit, model: Scaled, arrived: Any) -> Any:
    """Return the numbers of a fit that are told at its end."""
    inverse = inverted(model, partial(eliminated, damping=None, rounding=ROUNDING))
    return fit.x, fit.cost, fit.gram, inverse, fit.iterations, apply("where", arrived, 1.0, 0.0)


def sums(k: int) -> Triangle:
    """Return the products of k columns."""
    places = iter(symbols(SUM, k * (k + 1) // 2))
    return [[next(places) for _ in range(i + 1)] for i in range(k)]


def symbols(name: str, count: int) -> list[Expr]:
    """Return numbers that differ from fit to fit."""
    return [Symbol(name, "element", index) for index in range(count)]
