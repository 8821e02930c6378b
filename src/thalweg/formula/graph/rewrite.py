"""Graphs made anew: equal nodes become one, and some nodes give way to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from .expr import Constant, Expr, MatrixFunction, Operation, Reduction, Symbol, apply, walk

Rewrite = Callable[[Expr], Expr]


def merge(outputs: Mapping[str, Expr]) -> dict[str, Expr]:
    """Give one node to all uses of a symbol and to equal constants, so that equal expressions are one node."""
    return rewrite(outputs, lambda node: node)


def reciprocal(node: Expr) -> Expr:
    """Turn division of a tensor by a number into a product: the division is done once, in float64."""
    if _is(node, "divide") and node.varies and not node.operands[1].varies:
        return apply("multiply", node.operands[0], apply("divide", 1.0, node.operands[1]))
    return node


def gather_numbers(node: Expr) -> Expr:
    """Turn a * (b * x) into (a * b) * x where a is a number and b is one, or one for a block: one product less."""
    if not _is(node, "multiply") or not node.varies:
        return node
    number, tensor = sorted(node.operands, key=lambda operand: operand.varies)
    if number.varies or not _is(tensor, "multiply"):
        return node
    inner, rest = sorted(tensor.operands, key=_is_of_element)
    return node if _is_of_element(inner) else apply("multiply", apply("multiply", number, inner), rest)


def drop_zeros(node: Expr) -> Expr:
    """Turn x + 0 * sign(y) into x, where x is no zero with a sign: words say it to have a tensor of some precision."""
    if _is(node, "add"):
        for value, zero in (node.operands, reversed(node.operands)):
            if _is_zero(zero) and _has_no_negative_zero(value):
                return value
    return node


def _is_zero(node: Expr) -> bool:
    return _is(node, "multiply") and _is(node.operands[1], "sign") and getattr(node.operands[0], "value", None) == 0


def _has_no_negative_zero(node: Expr) -> bool:
    if _is(node, "subtract"):
        # Of two equal numbers it is a zero with no sign.
        node = node.operands[1]
    return _is(node, "from_integer") or (isinstance(node, Constant) and node.value != 0)


def _is_of_element(node: Expr) -> bool:
    """Tell if a node differs within blocks."""
    return node.varies and not (isinstance(node, Symbol) and node.scope == "block")


def _is(node: Expr, name: str) -> bool:
    return isinstance(node, Operation) and node.op.name == name


def rewrite(outputs: Mapping[str, Expr], change: Rewrite) -> dict[str, Expr]:
    """Rebuild the graph from the leaves up with a change at each operation, equal nodes becoming one."""
    known: dict[tuple[object, ...], Expr] = {}
    new: dict[Expr, Expr] = {}

    def unique(node: Expr) -> Expr:
        return known.setdefault(identity(node), node)

    for node in walk(*outputs.values()):
        if node.operands:
            rebuilt = with_operands(node, tuple(new[operand] for operand in node.operands))
            changed = change(rebuilt)
            # The parts that a change has made are shared too.
            new[node] = changed if changed is rebuilt else shared(changed, unique)
        new[node] = unique(new.get(node, node))
    return {name: new[value] for name, value in outputs.items()}


def replaced(outputs: Mapping[str, Expr], others: Mapping[Expr, Expr]) -> dict[str, Expr]:
    """Put other nodes in the place of some."""
    new: dict[Expr, Expr] = {}
    for node in walk(*outputs.values()):
        changed = tuple(new[operand] for operand in node.operands)
        new[node] = others[node] if node in others else with_operands(node, changed)
    return {name: new[value] for name, value in outputs.items()}


def with_operands(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """Return a node of the same sort on other operands; the same one if they are its own."""
    if not operands or all(new is old for new, old in zip(operands, node.operands, strict=True)):
        return node
    if isinstance(node, Reduction | MatrixFunction):
        return replace(node, operands=operands)
    assert isinstance(node, Operation)
    return Operation(node.op, operands, any(operand.varies for operand in operands))


def shared(root: Expr, unique: Callable[[Expr], Expr]) -> Expr:
    """Replace every part of a small new expression by the node that already says the same."""
    new: dict[Expr, Expr] = {}
    for node in walk(root):
        new[node] = unique(with_operands(node, tuple(new[operand] for operand in node.operands)))
    return new[root]


def identity(node: Expr) -> tuple[object, ...]:
    """Describe a node so that equal descriptions mean equal values."""
    operands = [id(operand) for operand in node.operands]
    if isinstance(node, Operation):
        return (node.op.name, *operands)
    if isinstance(node, MatrixFunction):
        return (node.how, node.scope, node.result, *operands)
    if isinstance(node, Reduction):
        return (node.how, *operands)
    if isinstance(node, Constant):
        return ("constant", node.kind, node.value if node.kind == "bits" else node.value.hex())
    assert isinstance(node, Symbol)
    return ("symbol", node.name, node.index)
