"""One row per operation, one column per language: a missing case is a visible hole.

Every operation is rounded once, as IEEE 754 says, so each column gives the same bits. What has no correctly rounded
form (`power`) is for numbers alone: no kernel computes it per element.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Column = Callable[..., Any]


@dataclass(frozen=True)
class Op:
    """An operation: what it does to tensors and to floats, and how it is written."""

    name: str
    torch: Column
    host: Column
    latex: str
    binds: int = 9
    """How tightly the LaTeX binds: 9 needs no parentheses, 1 (a sum) needs them in a product."""
    is_condition: bool = False
    numbers_only: bool = False


def clamp_from_below(a: Any, b: Any) -> Tensor:
    """Take the larger, where at most one side is a number; a NaN on either side is kept."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    return torch.clamp(a, min=b) if isinstance(a, Tensor) else torch.clamp(b, min=a)


def clamp_from_above(a: Any, b: Any) -> Tensor:
    """Take the smaller, where at most one side is a number; a NaN on either side is kept."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.minimum(a, b)
    return torch.clamp(a, max=b) if isinstance(a, Tensor) else torch.clamp(b, max=a)


def divide(a: float, b: float) -> float:
    """Divide as IEEE 754 does: by zero too."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def square_root(a: float) -> float:
    """Take the root as IEEE 754 does: NaN below zero."""
    return math.sqrt(a) if a >= 0 else math.nan


ROWS = [
    #   name            torch              host                                              LaTeX
    Op("add",           operator.add,      operator.add,                                     "{0} + {1}", 1),
    Op("subtract",      operator.sub,      operator.sub,                                     "{0} - {1}", 1),
    Op("multiply",      operator.mul,      operator.mul,                                     r"{0} \, {1}", 2),
    Op("divide",        operator.truediv,  divide,                                           r"\frac{{{0}}}{{{1}}}"),
    Op("negate",        operator.neg,      operator.neg,                                     "-{0}", 1),
    Op("absolute",      torch.abs,         abs,                                              r"\left|{0}\right|"),
    Op("sqrt",          torch.sqrt,        square_root,                                      r"\sqrt{{{0}}}"),
    Op("sign",          torch.sign,        lambda a: float((a > 0) - (a < 0)),               r"\operatorname{{sign}}\left({0}\right)"),
    Op("maximum",       clamp_from_below,  lambda a, b: a if a > b or a != a else b,         r"\max\left({0}, {1}\right)"),
    Op("minimum",       clamp_from_above,  lambda a, b: a if a < b or a != a else b,         r"\min\left({0}, {1}\right)"),
    Op("where",         torch.where,       lambda condition, a, b: a if condition else b,    r"\begin{{cases}}{1} & {0}\\{2} & \text{{otherwise}}\end{{cases}}"),
    Op("greater",       operator.gt,       operator.gt,                                      "{0} > {1}", 0, is_condition=True),
    Op("greater_equal", operator.ge,       operator.ge,                                      r"{0} \ge {1}", 0, is_condition=True),
    Op("less",          operator.lt,       operator.lt,                                      "{0} < {1}", 0, is_condition=True),
    Op("less_equal",    operator.le,       operator.le,                                      r"{0} \le {1}", 0, is_condition=True),
    Op("equal",         operator.eq,       operator.eq,                                      "{0} = {1}", 0, is_condition=True),
    Op("not_equal",     operator.ne,       operator.ne,                                      r"{0} \ne {1}", 0, is_condition=True),
    Op("power",         operator.pow,      operator.pow,                                     "{0}^{{{1}}}", 3, numbers_only=True),
]  # fmt: skip

OPS = {row.name: row for row in ROWS}
