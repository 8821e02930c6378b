"""An iteration of Levenberg and Marquardt's method, number by number: of one fit in a kernel, or of many as vectors.

J'J + lambda D with D the diagonal of J'J, lambda after Nielsen. Marquardt 1963, "An algorithm for least-squares
estimation of nonlinear parameters", https://doi.org/10.1137/0111030; Nielsen 1999, "Damping parameter in Marquardt's
method", equation 2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from .....formula import maximum, minimum, sqrt, where
from .elimination import inner

Number: TypeAlias = Any
"""A vector over fits, or a symbol of a kernel."""

Triangle: TypeAlias = Sequence[Sequence[Number]]
"""The lower triangle of a symmetric matrix, row by row."""

INFINITY = float("inf")


class Fit(NamedTuple):
    """A fit at work: where it is, its model there, and the step it tries.

    `gram` holds the products of the n columns of J and of the residuals. A fit that has only just begun has an infinite
    cost and -1 iterations, so that its start is the first trial to be accepted.
    """

    x: Sequence[Number]
    cost: Number
    gram: Triangle
    trial: Sequence[Number]
    promised: Number
    damping: Number
    growth: Number
    iterations: Number


class Step(NamedTuple):
    """A step, what it and Gauss and Newton's undamped one promise, and that one; both in the model's units."""

    step: Sequence[Number]
    promised: Number
    newton: Sequence[Number]
    decrement: Number


@dataclass(frozen=True, slots=True)
class Limits:
    """When a fit ends; `rounding` is that of its parameters."""

    tolerance: Any
    max_iter: Any
    rounding: float


class Scaled(NamedTuple):
    """The normal equations in units in which their diagonal is one."""

    units: Sequence[Number]
    matrix: Triangle
    slope: Sequence[Number]


def judged(fit: Fit, cost: Number, gram: Triangle, rounding: float) -> Fit:
    """Accept a trial that falls as promised; damp less where the model was right, more where it was wrong."""
    finite = is_finite(cost)
    for i, row in enumerate(gram):
        finite = finite & is_finite(row[i])  # No product of two columns is larger than both of their squares.
    first = fit.iterations < 0
    hidden = 10 * rounding * fit.cost
    ratio = (fit.cost - cost + hidden) / (fit.promised + hidden)
    good = finite & (first | (ratio > 1e-4))
    missed = 2 * ratio - 1
    less = minimum(maximum(1 - missed * missed * missed, 0.1), 2.0)
    return fit._replace(
        x=[where(good, new, old) for new, old in zip(fit.trial, fit.x, strict=True)],
        cost=where(good, cost, fit.cost),
        gram=[
            [where(good, new, old) for new, old in zip(*rows, strict=True)] for rows in zip(gram, fit.gram, strict=True)
        ],
        damping=where(first, fit.damping, fit.damping * where(good, less, fit.growth)),
        growth=where(good, 0 * fit.growth + 2, 2 * fit.growth),
        iterations=fit.iterations + 1,
    )


def scaled(gram: Triangle) -> Scaled:
    """Return the normal equations in units in which their diagonal is one."""
    n = len(gram) - 1
    units = [1 / sqrt(where(row[i] > 0, row[i], 1.0)) for i, row in enumerate(gram[:n])]
    matrix = [[gram[i][j] * units[i] * units[j] for j in range(i + 1)] for i in range(n)]
    return Scaled(units, matrix, [number * unit for number, unit in zip(gram[n], units, strict=False)])


def inverted(model: Scaled, solve: Callable[..., Sequence[Number]]) -> Triangle:
    """Return (J'J)^-1, all of it infinite where J'J has none."""
    n = len(model.slope)
    columns = [solve(model.matrix, [float(i == j) for j in range(n)]) for i in range(n)]
    known = columns[0][0] > 0
    for i in range(1, n):
        known = known & (columns[i][i] > 0)
    return [[inverse_number(model, columns, known, i, j) for j in range(i + 1)] for i in range(n)]


def inverse_number(model: Scaled, columns: Sequence[Sequence[Number]], known: Number, i: int, j: int) -> Number:
    """Return a number of (J'J)^-1, whose columns are those in the model's units."""
    mean = 0.5 * (columns[i][j] + columns[j][i])
    return where(known, mean * model.units[i] * model.units[j], INFINITY)


def free_step(model: Scaled, damping: Number, solve: Callable[..., Sequence[Number]]) -> Step:
    """Return the step where nothing is bounded: (S + lambda) p = -s, so what S does to p needs no product."""
    step, newton = ([-number for number in solve(model.matrix, model.slope, much)] for much in (damping, None))
    pushed = [slope - damping * number for slope, number in zip(model.slope, step, strict=True)]
    return Step(step, -0.5 * inner(step, pushed), newton, -0.5 * inner(newton, model.slope))


def ends(fit: Fit, model: Scaled, step: Step, limits: Limits) -> tuple[Number, Number]:
    """Return whether a fit has arrived, and whether it ends.

    It has arrived where Gauss and Newton's step promises less than `tolerance` of the loss, or is shorter than that
    share of x, both in the model's units. Where no damping helps any more, it has arrived only if that step promises no
    more than rounding could hide.
    """
    rounding, at = limits.rounding, [number / unit for number, unit in zip(fit.x, model.units, strict=True)]
    length, size = sqrt(inner(step.newton, step.newton)), sqrt(inner(at, at))
    share = maximum(limits.tolerance, 4 * rounding)
    near = (step.decrement <= limits.tolerance * fit.cost) | (length <= share * size)
    falls = step.promised > rounding * rounding * fit.cost
    stuck = (fit.damping > 1 / rounding) | ~falls
    hidden = step.decrement <= rounding**0.5 * fit.cost
    finite = is_finite(fit.cost)
    arrived = finite & (near | (stuck & hidden))
    return arrived, arrived | stuck | ~finite | (fit.iterations >= limits.max_iter)


def is_finite(number: Number) -> Number:
    """Tell infinities and NaN from other numbers."""
    return abs(number) < INFINITY
