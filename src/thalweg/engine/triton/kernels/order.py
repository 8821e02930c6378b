"""The order in which a pass writes, and how many values a thread has to keep for an element meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from ....formula.graph.expr import Expr, symbols, walk


def in_order(stores: Mapping[str, Expr]) -> list[tuple[str, Expr]]:
    """Sort what is written: states first, to have their registers free, and last what goes without its old value.

    Written first, such a state may meet its own memory on the way from being read. On an H200, four rules that do so
    took up to 2.3 times as long as others of as many bytes; how long they take in this order, no card has measured.
    The others go by how soon they are computed, while little else is kept: A2GradExp then needs 72 registers and not
    84, A2Grad 56 and not 72.
    """

    def how_late(item: tuple[str, Expr]) -> tuple[bool, bool, int]:
        name, value = item
        return all(symbol.name != name for symbol in symbols(value)), name == "param", len([*walk(value)])

    return sorted(stores.items(), key=how_late)


def alive_at_once(stores: Mapping[str, Expr]) -> int:
    """Count the values of an element that are needed at once: all that is read, before anything is calculated."""
    nodes = [node for node in walk(*(value for _, value in in_order(stores))) if node.varies]
    last = {operand: place for place, node in enumerate(nodes) for operand in node.operands}
    alive = {node for node in nodes if not node.operands}
    most = len(alive)
    for place, node in enumerate(nodes):
        alive.add(node)
        most = max(most, len(alive))
        alive -= {operand for operand in node.operands if last[operand] == place}
    return most
