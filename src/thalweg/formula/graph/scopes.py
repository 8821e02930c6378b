"""Where the values of a graph differ: from element to element, from row to row, from column to column, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, reduce

from .expr import Expr, MatrixFunction, Operation, Reduction, Scope, Symbol, walk

PARTS: dict[Scope, frozenset[str]] = {
    "parameter": frozenset(),
    "matrix": frozenset({"matrix"}),
    "row": frozenset({"matrix", "row"}),
    "column": frozenset({"matrix", "column"}),
    "element": frozenset({"matrix", "row", "column"}),
    "left": frozenset({"matrix", "row", "other row"}),
    "right": frozenset({"matrix", "column", "other column"}),
    "thin": frozenset({"matrix", "column", "direction"}),
    "thin left": frozenset({"matrix", "row", "direction"}),
    "thin turned": frozenset({"matrix", "column", "direction as row"}),
    "thin left turned": frozenset({"matrix", "row", "direction as row"}),
    "turned": frozenset({"matrix", "row as column"}),
}
"""What a value may differ between: what meets a value of another scope differs wherever one of the two does."""

ALONG: dict[tuple[str, Scope], Scope] = {
    ("row", "element"): "row",
    ("row", "column"): "matrix",
    ("column", "element"): "column",
    ("column", "row"): "matrix",
}
"""What is left of a scope by a sum, mean or maximum along each row, or along each column."""


def scopes(*roots: Expr) -> dict[Expr, Scope]:
    """Find the scope of each node; what is one number for a parameter, or for all, has the scope "parameter"."""
    found: dict[Expr, Scope] = {}
    for node in walk(*roots):
        found[node] = _scope(node, [found[operand] for operand in node.operands])
    return found


def scope_of(node: Expr) -> Scope:
    """Find the scope of one node."""
    return scopes(node)[node]


def depending(roots: Iterable[Expr], holds: Callable[[Expr], bool]) -> set[Expr]:
    """Find the nodes for which something holds, or for anything that they are computed from."""
    found: set[Expr] = set()
    for node in walk(*roots):
        if holds(node) or not found.isdisjoint(node.operands):
            found.add(node)
    return found


@cache
def joined(*several: Scope) -> Scope:
    """Find where a value differs that is computed from several."""
    parts = reduce(frozenset.union, map(PARTS.__getitem__, several), PARTS["parameter"])
    found = next((scope for scope, own in PARTS.items() if own == parts), None)
    if found is None:
        raise TypeError("matrices of two shapes meet element by element: use matmul(a, b) or transpose(a)")
    return found


def _scope(node: Expr, operands: list[Scope]) -> Scope:
    if not node.varies:
        return "parameter"
    if isinstance(node, Symbol):
        return "element" if node.scope == "block" else node.scope
    if isinstance(node, Reduction) and node.side:
        return ALONG.get((node.side, operands[0]), operands[0])
    if isinstance(node, Operation):
        return joined(*operands)
    assert isinstance(node, Reduction | MatrixFunction)
    return node.scope if isinstance(node, MatrixFunction) else "element"
