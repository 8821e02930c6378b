"""From the graph of a formula to what kernels compute: regrouped, cut, numbers taken out of the loop.

It is cut at what needs all elements: sums, and functions of whole matrices. Before each cut there is a pass of its own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence, Set
from functools import cache, partial
from itertools import count
from types import MappingProxyType
from typing import Any

from ..graph.expr import Constant, Expr, MatrixFunction, Reduction, Scope, Symbol, as_expr, symbols, walk
from ..graph.rewrite import drop_zeros, gather_numbers, merge, reciprocal, replaced, rewrite, with_operands
from ..graph.scopes import scope_of
from ..words.elements import maximum
from ..words.random import Draws
from .domains import WAITING, domains
from .program import Format, Kept, Program, Slot
from .trace import Formula


@cache
def program_of(formula: Formula, kept: Kept = (), has_seams: bool = False) -> Program:
    """Apply all passes, in order; what comes back knows the passes that must go before it.

    Where blocks lie on several processes, one pass finds the largest sizes, and the last one takes those of all.
    """
    scalars = formula.rule.scalars
    places = {name: form.symbols(name) for name, form in kept}
    if formula.multiplies:
        # Whole matrices are multiplied by torch, which is not told of passes.
        return Program(formula, [], {}, {}, places)
    changed = _to_compute(formula, kept, places)
    told = formula.measured
    reports = {name: value for name, value in changed.items() if name in told and isinstance(value, Reduction)}
    # Of a sum that is only told of, what matters here is what is summed.
    changed |= {name: value.operands[0] for name, value in reports.items()}
    stages = Stages(formula, places)
    changed = _in_stages(stages, changed, scalars | reports.keys() | {"param"}, has_seams)
    sums = {name: Reduction(value.how, (changed.pop(name),)) for name, value in reports.items()}
    if has_seams and (seams := seams_of(changed)):
        stages.seams = tuple(seams)
        stages.add(seams, {})
        both = {node: maximum(node, Symbol(name, "block")) for name, node in seams.items()}
        changed = replaced(changed, both)
    updates = {name: value for name, value in changed.items() if name in scalars}
    stages.add({name: value for name, value in changed.items() if name not in updates}, sums, updates=updates)
    return stages.before[-1]


def _to_compute(formula: Formula, kept: Kept, places: Mapping[str, dict[str, Symbol]]) -> dict[str, Expr]:
    """Give whatever gets a new value, as it is to be computed from what is stored."""
    outputs = merge(stored(formula, dict(kept), places))
    for rule in (reciprocal, gather_numbers, drop_zeros):
        outputs = rewrite(outputs, rule)
    return {name: value for name, value in outputs.items() if not is_input(value, name)}


def _in_stages(stages: Stages, changed: dict[str, Expr], wait: Set[str], has_seams: bool) -> dict[str, Expr]:
    """Add a pass for each cut; give what is left to compute in the last one. Some of it must wait for that."""
    while cuts := next_cuts(changed, len(stages.before)):
        sums = {name: node for name, node in cuts.items() if isinstance(node, Reduction)}
        matrices = {name: node for name, node in cuts.items() if isinstance(node, MatrixFunction)}
        stages.note(cuts)
        known = replaced(changed, {node: symbol_of(name, node) for name, node in cuts.items()})
        # What no later pass reads is written as soon as it is known.
        blocks = coded(changed) if has_seams else set[str]()
        done = settled(changed, known, wait | blocks) if matrices else {}
        stores = done | {name: node.operands[0] for name, node in matrices.items()}
        later = {name: value for name, value in known.items() if name not in done}
        ready = set[str]() if matrices or has_seams else {name for name in later if not cut(changed[name])}
        changed = stages.add(stores, sums, later, ready, matrices=matrices)
    return changed


class Stages:
    """The passes so far, and what waits between them."""

    def __init__(self, formula: Formula, places: Mapping[str, dict[str, Symbol]]) -> None:
        self.formula, self.places = formula, dict(places)
        self.before: list[Program] = []
        self.work: tuple[str, ...] = ()
        self.vectors: dict[str, Scope] = {}
        self.seams: tuple[str, ...] = ()

    def note(self, cuts: Mapping[str, Expr]) -> None:
        """Note what will be there once the next passes are done."""
        self.work += tuple(name for name, node in cuts.items() if isinstance(node, MatrixFunction))
        self.vectors |= {
            name: scope_of(node) for name, node in cuts.items() if isinstance(node, Reduction) and node.side
        }

    def add(
        self,
        stores: Mapping[str, Expr],
        sums: Mapping[str, Reduction],
        later: Mapping[str, Expr] = MappingProxyType({}),
        ready: Container[str] = (),
        **more: Any,
    ) -> dict[str, Expr]:
        """Add the passes of one stage; what goes over elements goes last, and more belongs to it.

        Returns what is left for later ones, which find in vectors what was computed once a row or column. States of
        rows and columns that are ready are written as soon as a pass over them comes, and no later one reads them.
        """
        is_last = "updates" in more
        scopes = {name: self.formula.rule.scope(name) for name in (*stores, *later)}
        found, waiting = domains(stores, sums, scopes, self.vectors, len(self.before), is_last)
        left = replaced(later, waiting)
        for domain in found:
            over = [name for name in left if scopes[name] == domain.scope != "element" and name in ready]
            for name in unread(over, left):
                domain.stores[name] = later[name]
                del left[name]
        for domain in found:
            numbers, kept, taken = hoist(domain.stores, domain.sums)
            self.vectors |= {name: domain.scope for name in kept if name.startswith(WAITING)}
            own = {"is_last": is_last, **more} if domain.scope == "element" else {}
            self.before.append(
                Program(
                    self.formula,
                    numbers,
                    stores=kept,
                    kept=self.places,
                    totals={name: node for name, node in taken.items() if not node.side},
                    along={name: node for name, node in taken.items() if node.side},
                    domain=domain.scope,
                    work=self.work,
                    vectors=self.vectors,
                    seams=self.seams,
                    before=tuple(self.before),
                    **{"updates": {}, "is_last": False, **own},
                )
            )
        return left


def stored(formula: Formula, kept: Mapping[str, Format], places: Mapping[str, dict[str, Symbol]]) -> dict[str, Expr]:
    """Read each quantity from the tensors that keep it, and write it there: a format is a formula of its own."""
    read: dict[Expr, Expr] = {
        symbol: kept[symbol.name].read(*places[symbol.name].values())
        for symbol in symbols(*formula.outputs.values())
        if symbol.name in kept
    }
    outputs, place, draws = {}, count(), Draws()
    for name, value in replaced(formula.outputs, read).items():
        if name not in kept:
            outputs[name] = value
        elif not is_input(formula.outputs[name], name):
            parts = kept[name].write(value, partial(draws.bits, next(place)))
            outputs |= zip(places[name], map(as_expr, parts), strict=True)
    return outputs


def next_cuts(outputs: Mapping[str, Expr], stage: int) -> dict[str, Expr]:
    """Find what needs all elements, and nothing else of that sort that is not there yet."""
    cuts = [node for node in walk(*outputs.values()) if is_cut(node)]
    ready = [node for node in cuts if not cut(*node.operands)]
    return {
        f"{'sum' if isinstance(node, Reduction) else 'matrix'}.{stage}.{index}": node
        for index, node in enumerate(ready)
    }


def coded(outputs: Mapping[str, Expr]) -> set[str]:
    """Name what depends on the largest sizes in blocks: it is not known before all processes have told theirs."""
    return {name for name, node in outputs.items() if seams_of({name: node})}


def seams_of(outputs: Mapping[str, Expr]) -> dict[str, Expr]:
    """Name the largest sizes in blocks."""
    peaks = [node for node in walk(*outputs.values()) if isinstance(node, Reduction) and node.how == "block_peak"]
    return {f"seam.{index}": node for index, node in enumerate(peaks)}


def unread(names: Sequence[str], outputs: Mapping[str, Expr]) -> list[str]:
    """Find the states whose old values nothing reads but what changes them."""
    return [name for name in names if all(name not in read(value) for other, value in outputs.items() if other != name)]


def read(value: Expr) -> set[str]:
    """Name what a value is computed from."""
    return {symbol.name for symbol in symbols(value)}


def cut(*values: Expr) -> bool:
    """Tell if some value is not known before something of all elements is."""
    return any(map(is_cut, walk(*values)))


def is_cut(node: Expr) -> bool:
    """Tell if a node needs all elements of a parameter."""
    return isinstance(node, MatrixFunction) or (isinstance(node, Reduction) and node.how != "block_peak")


def symbol_of(name: str, node: Expr) -> Symbol:
    """Name what will be there once the pass is done: a number, or an element of a tensor or vector."""
    return Symbol(name, scope_of(node))


def settled(outputs: Mapping[str, Expr], later: Mapping[str, Expr], others: Container[str]) -> dict[str, Expr]:
    """Find the states that this pass knows, and whose old values no later one reads."""
    done = {name: value for name, value in outputs.items() if name not in others and not cut(value)}
    while True:
        read = {symbol.name for symbol in symbols(*(value for name, value in later.items() if name not in done))}
        if done.keys().isdisjoint(read):
            return done
        done = {name: value for name, value in done.items() if name not in read}


def hoist(
    outputs: Mapping[str, Expr], sums: Mapping[str, Reduction]
) -> tuple[list[Expr], dict[str, Expr], dict[str, Reduction]]:
    """Replace each number that tensors meet by a slot; return the numbers in their order, the pass and its sums."""
    places = count()
    slots: dict[Expr, Expr] = {}
    new: dict[Expr, Expr] = {}

    def given(node: Expr) -> Expr:
        if node.varies or isinstance(node, Constant):
            return new.get(node, node)
        if node not in slots:
            slots[node] = Slot(next(places), node)
        return slots[node]

    for node in walk(*outputs.values(), *(operand for total in sums.values() for operand in total.operands)):
        if node.operands and node.varies:
            new[node] = with_operands(node, tuple(given(operand) for operand in node.operands))
    totals = {name: Reduction(node.how, tuple(map(given, node.operands))) for name, node in sums.items()}
    stores = {name: given(value) for name, value in outputs.items()}
    return list(slots), stores, totals


def is_input(value: Expr, name: str) -> bool:
    """Tell if an output is the tensor as it came."""
    return isinstance(value, Symbol) and value.name == name


def passes(program: Program) -> Iterator[Program]:
    """Yield the passes of a step in their order."""
    yield from program.before
    yield program
