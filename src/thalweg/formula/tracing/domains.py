"""A stage of a formula as passes of their own: over its rows, over its columns, and then over its elements.

What differs from row to row alone is computed once a row, and waits in a vector for the pass over elements.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..graph.expr import Expr, Reduction, Scope, Symbol, as_number, walk
from ..graph.rewrite import replaced
from ..graph.scopes import scopes

ALONG_LINES: dict[Scope, Scope] = {"element": "row", "row": "matrix", "column": "matrix"}
"""What has one value for each line that a pass goes along: of elements a row, of rows or columns all of a matrix."""


WAITING = "line."
"""How the names begin of what is computed once a row or column, and waits for the elements."""


@dataclass
class Domain:
    """What one pass stores and sums: over elements, over rows, or over columns."""

    scope: Scope
    stores: dict[str, Expr] = field(default_factory=dict)
    sums: dict[str, Reduction] = field(default_factory=dict)


def domains(
    stores: Mapping[str, Expr],
    sums: Mapping[str, Reduction],
    kept: Mapping[str, Scope],
    made: Container[str],
    stage: int,
    is_last: bool,
) -> tuple[list[Domain], dict[Expr, Expr]]:
    """Sort what a stage stores and sums by where it differs; `kept` says it of states, `made` names vectors there.

    Gives also what later stages need not compute again, and the vector in which it waits.
    """
    found = scopes(*stores.values(), *sums.values())
    sorted_ = {scope: Domain(scope) for scope in ("row", "column", "matrix", "element")}
    for name, value in stores.items():
        sorted_[kept.get(name, "element")].stores[name] = value
    for name, total in sums.items():
        sorted_[found[total.operands[0]]].sums[name] = total
    last = sorted_["element"]
    waiting = _waiting(last, found, made)
    read: dict[Expr, Expr] = {}
    for place, node in enumerate(waiting):
        scope, name = _of_lines(found[node]), f"{WAITING}{stage}.{place}"
        read[node] = _read(Symbol(name, scope), node)
        sorted_[scope].stores[name] = as_number(node)
    last.stores = replaced(last.stores, read)
    operands = replaced({name: total.operands[0] for name, total in last.sums.items()}, read)
    last.sums = {name: replace(total, operands=(operands[name],)) for name, total in last.sums.items()}
    wanted = [domain for domain in sorted_.values() if domain.stores or domain.sums or (is_last and domain is last)]
    return wanted, {node: symbol for node, symbol in read.items() if found[node] == _of_lines(found[node])}


def _read(symbol: Symbol, node: Expr) -> Expr:
    """Read what waits; vectors hold numbers, and a condition waits as 1 or 0."""
    return symbol > 0 if node.kind == "condition" else symbol


def _of_lines(scope: Scope) -> Scope:
    """Say in which vector something waits: what is one number a matrix stands at each of its rows."""
    return "column" if scope == "column" else "row"


def _waiting(domain: Domain, found: Mapping[Expr, Scope], made: Container[str]) -> dict[Expr, None]:
    """Find what elements meet that differs from row to row, or from column to column, and is not there yet."""
    roots = [*domain.stores.values(), *(node.operands[0] for node in domain.sums.values())]
    return dict.fromkeys(node for node in _met(roots, found) if not (isinstance(node, Symbol) and node.name in made))


def _met(roots: list[Expr], found: Mapping[Expr, Scope]) -> Iterator[Expr]:
    elements = [node for node in walk(*roots) if found[node] == "element"]
    for node in (*roots, *(operand for element in elements for operand in element.operands)):
        yield from _numbers_of_lines(node, found)


def _numbers_of_lines(node: Expr, found: Mapping[Expr, Scope]) -> Iterator[Expr]:
    """Find what can wait in the place of something of lines: of bits, the numbers that they are read from."""
    if found[node] in ("row", "column", "matrix"):
        if node.kind != "bits":
            yield node
        else:
            for operand in node.operands:
                yield from _numbers_of_lines(operand, found)
