"""The functions of models of many fits: those that a kernel calls, and others that are composed of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from .....engine.llvm.closure_methods.model_functions import FUNCTIONS
from .....formula.graph.expr import Constant, Expr, Operation, apply
from .....formula.graph.ops import Op
from .....formula.words.elementary import atan2


def function(name: str) -> Callable[..., Expr]:
    """Return the word that calls a function of the CPU's kernels for models."""
    places = ", ".join(f"double {{{place}}}" for place in range(FUNCTIONS[name][0]))
    op = Op(name, getattr(torch, name), getattr(torch, name), f"call double @{name}({places})", "", "", "")
    return lambda *numbers: Operation(op, numbers, True)


exp, expm1, log, sin, cos, erf, erfc, raised = map(
    function, ("exp", "expm1", "log", "sin", "cos", "erf", "erfc", "pow")
)
"""Formulas of optimizers have the exact ones of `formula/words/elementary.py` instead."""


def raised_by_logarithm(*numbers: Expr) -> Expr:
    """Raise a positive number to a power: what is given is the power, and the number's logarithm in two parts."""
    places = ", ".join(f"double {{{place}}}" for place in range(3))
    op = Op("pow_by_log", torch.pow, torch.pow, f"call double @pow_by_log({places})", "", "", "")
    return Operation(op, numbers, True)


LARGEST_OF_PRODUCTS = 8
"""Exponents up to which products are quicker than a logarithm and an exponential."""


def power(x: Expr, exponent: Expr) -> Expr:
    """Raise to a power; small whole numbers, and halves of them, are exponents that are made of products."""
    if isinstance(exponent, Constant) and abs(exponent.value) <= LARGEST_OF_PRODUCTS:
        return product_of(x, exponent.value)
    return raised(x, exponent)


def product_of(x: Expr, count: float) -> Expr:
    """Multiply so many, the last of them perhaps a root."""
    if count < 0:
        return 1 / product_of(x, -count)
    result = apply("sqrt", x) if count % 1 else None
    for _ in range(int(count)):
        result = x if result is None else result * x
    return Constant(1.0) if result is None else result


def tanh(x: Expr) -> Expr:
    """Take the hyperbolic tangent; off by at most 4 units in the last place."""
    grown = expm1(2 * apply("minimum", abs(x), 22.0))  # Beyond, it is 1.
    size = grown / (grown + 2)
    return apply("where", x < 0, -size, size)


def equal(a: Any, b: Any) -> Any:
    """Compare."""
    return a == b


def log1p(x: Expr) -> Expr:
    """Take the logarithm of 1 + x, made up for what rounding has taken from the sum; off by at most 4 units."""
    above = 1 + x
    grown = above - 1
    near = apply("where", equal(grown, 0), x, log(above) * (x / grown))
    return apply("where", above < float("inf"), near, above)


def sinh(x: Expr) -> Expr:
    """Take the hyperbolic sine; off by at most 4 units in the last place."""
    grown = expm1(abs(x))
    size = apply("where", grown > 1e17, 0.5 * grown, 0.5 * (grown + grown / (grown + 1)))
    return apply("where", x < 0, -size, size)


def cosh(x: Expr) -> Expr:
    """Take the hyperbolic cosine; off by at most 4 units in the last place."""
    grown = exp(abs(x))
    return 0.5 * (grown + 1 / grown)


def hypot(a: Expr, b: Expr) -> Expr:
    """Take the length of a vector whose squares are finite; off by at most 2 units in the last place."""
    return apply("sqrt", a * a + b * b)


def arcsine(x: Expr) -> Any:
    """Give the angle of a sine; off by at most 4 units in the last place."""
    return atan2(x, apply("sqrt", (1 - x) * (1 + x)))


def arccosine(x: Expr) -> Any:
    """Give the angle of a cosine; off by at most 4 units in the last place."""
    return atan2(apply("sqrt", (1 - x) * (1 + x)), x)


def softplus(x: Expr, beta: Any = 1, threshold: Any = 20) -> Expr:
    """Give the smooth ramp log(1 + exp(beta x)) / beta, which is x above the threshold; off by at most 8 units."""
    return apply("where", x * beta > threshold, x, log1p(exp(x * beta)) / beta)


def softplus_backward(gradient: Expr, x: Expr, beta: Any, threshold: Any) -> Expr:
    """Multiply by the slope of the smooth ramp."""
    return apply("where", x * beta > threshold, gradient, gradient / (1 + exp(-(x * beta))))


def logaddexp(a: Expr, b: Expr) -> Expr:
    """Give the logarithm of a sum of exponentials."""
    return apply("maximum", a, b) + log1p(exp(-abs(a - b)))


def sinc(x: Expr) -> Expr:
    """Give sin(pi x) / (pi x), which is 1 at zero."""
    angle = x * math.pi
    return apply("where", equal(x, 0), 1.0, sin(angle) / angle)
