"""What a rule may say: the words of a formula.

Each takes tensors (and computes), symbols (and builds the graph) or plain numbers (and computes in float64), so that
one text of `update` serves as reference, as source of kernels and as documentation.
"""

from typing import Any

from torch import Tensor

from .expr import Expr, apply
from .number import Number
from .ops import OPS
from .rule import Scalar

__all__ = ["Scalar", "clamp", "lerp", "maximum", "minimum", "sign", "sqrt", "where"]


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; NaN below zero."""
    return _say("sqrt", x)


def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN."""
    return _say("sign", x)


def maximum(a: Any, b: Any) -> Any:
    """Take the larger of two; NaN if either is."""
    return _say("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """Take the smaller of two; NaN if either is."""
    return _say("minimum", a, b)


def clamp(x: Any, low: Any, high: Any) -> Any:
    """X, but no less than low and no more than high."""
    return minimum(maximum(x, low), high)


def lerp(start: Any, end: Any, weight: Any) -> Any:
    """Walk from start towards end by a weight between 0 and 1."""
    return start + weight * (end - start)


def where(condition: Any, a: Any, b: Any) -> Any:
    """A where the condition holds, else b: the `if` of formulas."""
    if _varies(condition) and not (_varies(a) or _varies(b)):
        raise TypeError(
            "where(condition, a, b) with two numbers has no dtype: let a tensor take part, as in "
            "where(condition, 2 * x, x) instead of where(condition, 2, 1) * x"
        )
    return _say("where", condition, a, b)


def _varies(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, Expr) and value.varies)


def _say(name: str, *operands: Any) -> Any:
    if any(isinstance(operand, Expr) for operand in operands):
        return apply(name, *operands)
    on_host = not isinstance(operands[0], Tensor) if name == "where" else not any(map(_varies, operands))
    value = OPS[name].host(*operands) if on_host else OPS[name].torch(*operands)
    return Number(value) if isinstance(value, float) else value
