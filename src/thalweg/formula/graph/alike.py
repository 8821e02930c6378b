"""Whether two graphs say the same."""

from __future__ import annotations

from collections.abc import Mapping

from .expr import Constant, Expr, MatrixFunction, Operation, Reduction, Symbol


def are_alike(one: Mapping[str, Expr], other: Mapping[str, Expr]) -> bool:
    """Tell if the outputs of two graphs are the same, node by node."""
    return list(one) == list(other) and _pairs_alike(list(zip(one.values(), other.values(), strict=True)))


def _pairs_alike(pairs: list[tuple[Expr, Expr]]) -> bool:
    seen: set[tuple[int, int]] = set()
    while pairs:
        one, other = pairs.pop()
        if (id(one), id(other)) in seen:
            continue
        seen.add((id(one), id(other)))
        if type(one) is not type(other) or _said(one) != _said(other) or len(one.operands) != len(other.operands):
            return False
        pairs += zip(one.operands, other.operands, strict=True)
    return True


def _said(node: Expr) -> object:
    """Give what a node says by itself; of a number, how it is written, as a NaN is not equal to itself."""
    if isinstance(node, Symbol):
        return node.name, node.scope, node.index, node.kind
    if isinstance(node, Constant):
        return repr(node.value), node.kind
    if isinstance(node, Operation):
        return node.op.name
    if isinstance(node, MatrixFunction):
        return node.how, node.scope, node.result
    return node.how if isinstance(node, Reduction) else None
