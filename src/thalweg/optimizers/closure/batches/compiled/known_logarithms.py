"""Logarithms of data that all fits share: they are computed once, and not at each point of each iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .....engine.llvm.closure_methods.normal_equations import POINT
from .....formula.graph.expr import Expr, Operation, Symbol, walk
from .....formula.graph.power import ON_HOST, logarithm
from .composed_functions import raised_by_logarithm


class InTensors(type(ON_HOST)):  # type: ignore[misc]
    """The arithmetic of tensors, which is that of floats but for the bits of an exponent."""

    @staticmethod
    def taken_apart(x: Tensor) -> tuple[Tensor, Tensor]:
        """Use C's frexp, and let m lie between the roots of 1/2 and 2."""
        mantissa, exponent = torch.frexp(x)
        is_small = mantissa * mantissa <= 0.5
        return torch.where(is_small, mantissa * 2, mantissa), exponent - is_small.to(x)


def with_known_logarithms(columns: Sequence[Expr], points: list[Tensor]) -> list[Expr]:
    """Return formulas whose logarithms and powers of points take the logarithms from more `points`, which are added.

    Points that are not all above zero keep the functions that know what to do there.
    """
    known: dict[int, tuple[Expr, Expr]] = {}
    written: dict[Expr, Expr] = {}
    for node in walk(*columns):
        operands = tuple(written[operand] for operand in node.operands)
        place = point_raised(node)
        if place is None or not is_positive(points[place]):
            written[node] = again(node, operands)
            continue
        if place not in known:
            known[place] = taken_up(points, points[place])
        high, low = known[place]
        written[node] = high if len(operands) == 1 else raised_by_logarithm(operands[1], high, low)
    return [written[column] for column in columns]


def point_raised(node: Expr) -> int | None:
    """Return the place of the point that a node raises to a power, or takes the logarithm of; else None."""
    if not isinstance(node, Operation) or node.op.name not in ("log", "pow"):
        return None
    base = node.operands[0]
    return base.index if isinstance(base, Symbol) and base.name == POINT else None


def is_positive(row: Tensor) -> bool:
    """Return whether all numbers are above zero, and finite."""
    return bool(((row > 0) & row.isfinite()).all())


def again(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """Return a node of other operands, the same node where they are the same."""
    is_same = all(new is old for new, old in zip(operands, node.operands, strict=True))
    return node if is_same or not isinstance(node, Operation) else replace(node, operands=operands)


def taken_up(points: list[Tensor], row: Tensor) -> tuple[Expr, Expr]:
    """Add the logarithms of a row to the points, to twice the digits; return the symbols of both parts."""
    points += [part.contiguous() for part in logarithm(InTensors(), row)]
    return Symbol(POINT, "element", len(points) - 2), Symbol(POINT, "element", len(points) - 1)
