"""The operations of torch that models of many fits are compiled from, and what each of them is in a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ....formula.expr import Constant, Expr, Operation, apply
from ....formula.ops import Op


class UnknownOperationError(Exception):
    """A model does something that no formula says."""


EXP, LOG = (
    Op(name, function, function, f"call double @{name}(double {{0}})", "", "", "")
    for name, function in (("exp", torch.exp), ("log", torch.log))
)
"""Operations of the CPU's kernels for models; formulas of optimizers have the exact ones of `formula/elementary.py`."""


def exp(x: Expr) -> Expr:
    """Raise e to a power."""
    return Operation(EXP, (x,), True)


def log(x: Expr) -> Expr:
    """Take the natural logarithm."""
    return Operation(LOG, (x,), True)


def power(x: Expr, exponent: Any) -> Expr:
    """Raise to a power that is a small whole number, or half of one."""
    if isinstance(exponent, Expr) or 2 * exponent % 1 or abs(exponent) > 8:
        raise UnknownOperationError("power")
    if exponent < 0:
        return 1 / power(x, -exponent)
    result = apply("sqrt", x) if exponent % 1 else None
    for _ in range(int(exponent)):
        result = x if result is None else result * x
    return Constant(1.0) if result is None else result


def clamp(x: Expr, low: Any = None, high: Any = None) -> Expr:
    """Keep between two numbers, or on one side of one."""
    above = x if low is None else apply("maximum", x, low)
    return above if high is None else apply("minimum", above, high)


WORDS: dict[str, Callable[..., Expr]] = {
    "add": lambda a, b, alpha=1: a + (b if alpha == 1 else alpha * b),
    "sub": lambda a, b, alpha=1: a - (b if alpha == 1 else alpha * b),
    "rsub": lambda a, b, alpha=1: b - (a if alpha == 1 else alpha * a),
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "reciprocal": lambda a: 1 / a,
    "square": lambda a: a * a,
    "pow": power,
    "sqrt": lambda a: apply("sqrt", a),
    "rsqrt": lambda a: 1 / apply("sqrt", a),
    "exp": exp,
    "log": log,
    "sigmoid": lambda a: 1 / (1 + exp(-a)),
    "sigmoid_backward": lambda gradient, y: gradient * ((1 - y) * y),
    "abs": abs,
    "sgn": lambda a: apply("sign", a),
    "sign": lambda a: apply("sign", a),
    "floor": lambda a: apply("floor", a),
    "maximum": lambda a, b: apply("maximum", a, b),
    "minimum": lambda a, b: apply("minimum", a, b),
    "clamp": clamp,
    "clamp_min": clamp,
    "where": lambda condition, a, b: apply("where", condition, a, b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "logical_and": lambda a, b: a & b,
    "logical_or": lambda a, b: a | b,
    "logical_not": lambda a: ~a,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "bitwise_not": lambda a: ~a,
    "masked_fill": lambda a, condition, value: apply("where", condition, value, a),
}
"""What torch's operations are in a formula; a model with any other is computed by torch itself."""

WITH_NUMBERS = ("pow",)
"""Operations whose numbers decide what is written."""

THE_SAME = ("detach", "alias", "clone", "expand", "view", "_to_copy")
"""Operations that change no number; what they may change instead is looked at."""

FILLED = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
"""Operations whose result has the same number everywhere, whatever they are given."""
