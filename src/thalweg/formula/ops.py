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
    llvm: str
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


def power(a: float, b: float) -> float:
    """Raise to a power as C does: to an infinity or NaN where Python raises an error or leaves the real numbers."""
    try:
        return math.pow(a, b)
    except (OverflowError, ValueError):
        return math.nan if a < 0 and b % 1 else math.copysign(math.inf, a if b % 2 == 1 else 1)


def larger(a: float, b: float) -> float:
    """Take the larger; NaN if either is."""
    return a if a > b or a != a else b


def smaller(a: float, b: float) -> float:
    """Take the smaller; NaN if either is."""
    return a if a < b or a != a else b


def choose(condition: bool, a: float, b: float) -> float:
    """Take one of two by a condition."""
    return a if condition else b


def sign(a: float) -> float:
    """-1, 0 or 1; 0 for NaN."""
    return float((a > 0) - (a < 0))


ROWS = [
    #   name            torch             host              LLVM                                                LaTeX
    Op("add",           operator.add,     operator.add,     "fadd {type} {0}, {1}",                             "{0} + {1}", 1),
    Op("subtract",      operator.sub,     operator.sub,     "fsub {type} {0}, {1}",                             "{0} - {1}", 1),
    Op("multiply",      operator.mul,     operator.mul,     "fmul {type} {0}, {1}",                             r"{0} \, {1}", 2),
    Op("divide",        operator.truediv, divide,           "fdiv {type} {0}, {1}",                             r"\frac{{{0}}}{{{1}}}"),
    Op("negate",        operator.neg,     operator.neg,     "fneg {type} {0}",                                  "-{0}", 1),
    Op("absolute",      torch.abs,        abs,              "call {type} @llvm.fabs.{suffix}({type} {0})",      r"\left|{0}\right|"),
    Op("sqrt",          torch.sqrt,       square_root,      "call {type} @llvm.sqrt.{suffix}({type} {0})",      r"\sqrt{{{0}}}"),
    Op("sign",          torch.sign,       sign,             "call {type} @sign.{suffix}({type} {0})",                    r"\operatorname{{sign}}\left({0}\right)"),
    Op("maximum",       clamp_from_below, larger,           "call {type} @maximum.{suffix}({type} {0}, {type} {1})",     r"\max\left({0}, {1}\right)"),
    Op("minimum",       clamp_from_above, smaller,          "call {type} @minimum.{suffix}({type} {0}, {type} {1})",     r"\min\left({0}, {1}\right)"),
    Op("where",         torch.where,      choose,           "select i1 {0}, {type} {1}, {type} {2}",            r"\begin{{cases}}{1} & {0}\\{2} & \text{{otherwise}}\end{{cases}}"),
    Op("greater",       operator.gt,      operator.gt,      "fcmp ogt {type} {0}, {1}",                         "{0} > {1}", 0, is_condition=True),
    Op("greater_equal", operator.ge,      operator.ge,      "fcmp oge {type} {0}, {1}",                         r"{0} \ge {1}", 0, is_condition=True),
    Op("less",          operator.lt,      operator.lt,      "fcmp olt {type} {0}, {1}",                         "{0} < {1}", 0, is_condition=True),
    Op("less_equal",    operator.le,      operator.le,      "fcmp ole {type} {0}, {1}",                         r"{0} \le {1}", 0, is_condition=True),
    Op("equal",         operator.eq,      operator.eq,      "fcmp oeq {type} {0}, {1}",                         "{0} = {1}", 0, is_condition=True),
    Op("not_equal",     operator.ne,      operator.ne,      "fcmp une {type} {0}, {1}",                         r"{0} \ne {1}", 0, is_condition=True),
    Op("power",         operator.pow,     power,            "call {type} @power({type} {0}, {type} {1})",       "{0}^{{{1}}}", 3, numbers_only=True),
]  # fmt: skip

OPS = {row.name: row for row in ROWS}
