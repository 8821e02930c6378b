"""The operations of torch that models of many fits are compiled from, and what each of them is in a formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .....formula.graph.expr import Constant, Expr, apply
from .....formula.words.elementary import atan2
from .composed_functions import (
    arccosine,
    arcsine,
    cos,
    cosh,
    equal,
    erf,
    erfc,
    exp,
    expm1,
    hypot,
    log,
    log1p,
    logaddexp,
    power,
    raised,
    sin,
    sinc,
    sinh,
    softplus,
    softplus_backward,
    tanh,
)


class UnknownOperationError(Exception):
    """A model does something that no formula says."""


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
    "expm1": expm1,
    "exp2": lambda a: raised(Constant(2.0), a),
    "log1p": log1p,
    "log2": lambda a: log(a) / math.log(2),
    "log10": lambda a: log(a) / math.log(10),
    "sin": sin,
    "cos": cos,
    "tan": lambda a: sin(a) / cos(a),
    "tanh": tanh,
    "tanh_backward": lambda gradient, y: gradient * (1 - y * y),
    "sinh": sinh,
    "cosh": cosh,
    "atan": lambda a: atan2(a, Constant(1.0)),
    "atan2": atan2,
    "asin": arcsine,
    "acos": arccosine,
    "sinc": sinc,
    "erf": erf,
    "erfc": erfc,
    "hypot": hypot,
    "logaddexp": logaddexp,
    "softplus": softplus,
    "softplus_backward": softplus_backward,
    "relu": lambda a: apply("maximum", a, 0.0),
    "threshold_backward": lambda gradient, a, threshold: apply("where", a > threshold, gradient, 0.0),
    "addcmul": lambda a, b, c, value=1: a + (b if value == 1 else value * b) * c,
    "addcdiv": lambda a, b, c, value=1: a + (b if value == 1 else value * b) / c,
    "lerp": lambda a, b, weight: a + weight * (b - a),
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
    "eq": equal,
    "ne": lambda a, b: a != b,
    "logical_and": lambda a, b: a & b,
    "logical_or": lambda a, b: a | b,
    "logical_not": lambda a: ~a,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "bitwise_not": lambda a: ~a,
    "empty_like": lambda a, **kind: Constant(0.0),
    "fill": lambda a, value: value,
    "masked_fill": lambda a, condition, value: apply("where", condition, value, a),
}
"""What torch's operations are in a formula; a model with any other is computed by torch itself."""

THE_SAME = ("detach", "alias", "clone", "expand", "view", "_to_copy")
"""Operations that change no number; what they may change instead is looked at."""

FILLED = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
"""Operations whose result has the same number everywhere, whatever they are given."""
