"""Derivatives divide again and again by the same numbers: the reciprocals of these are computed once."""

from __future__ import annotations

from collections.abc import Sequence

from .....formula.graph.expr import Constant, Expr, Operation, apply, walk
from .known_logarithms import again


def with_shared_reciprocals(columns: Sequence[Expr]) -> list[Expr]:
    """Return a model's derivatives with products in place of quotients, and its residual, the last column, as it is.

    A product with a reciprocal may be off by one unit more in the last place.
    """
    exact = set(walk(columns[-1]))
    reciprocals: dict[Expr, Expr] = {}
    written: dict[Expr, Expr] = {}
    for node in walk(*columns):
        operands = tuple(written[operand] for operand in node.operands)
        if node in exact or not is_quotient(node):
            written[node] = again(node, operands)
            continue
        above, below = operands
        if below not in reciprocals:
            reciprocals[below] = apply("divide", Constant(1.0), below)
        written[node] = above * reciprocals[below]
    return [written[column] for column in columns]


def is_quotient(node: Expr) -> bool:
    """Return whether a node divides a number by one that may vary."""
    return isinstance(node, Operation) and node.op.name == "divide" and not isinstance(node.operands[1], Constant)
