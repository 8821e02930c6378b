"""From the graph of a formula to what kernels compute: regrouped, cut, numbers taken out of the loop.

It is cut at what needs all elements: sums, and functions of whole matrices. Before each cut there is a pass of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import count
from typing import Any, Protocol

from . import maximum
from .domains import WAITING, domains
from .expr import Constant, Expr, MatrixFunction, Reduction, Scope, Symbol, as_expr, symbols, walk
from .random import Draws
from .rewrite import gather_numbers, merge, reciprocal, replaced, rewrite, with_operands
from .scopes import scope_of
from .trace import Formula


class Format(Protocol):
    """How one quantity is kept: in which tensors, and the formulas that read and write it."""

    def symbols(self, name: str) -> dict[str, Symbol]:
        """Name the tensors that a quantity is kept in, and what they give."""

    def read(self, *kept: Any) -> Any:
        """Compute the quantity from what is kept."""

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Compute what is kept from the quantity; `draw` gives as many random bits an element as are asked for."""


Kept = tuple[tuple[str, Format], ...]
"""The formats of those quantities that are not simply kept as numbers."""


@dataclass(eq=False)
class Program:
    """One pass over the elements, and the numbers that it needs, computed before."""

    formula: Formula
    numbers: list[Expr]
    """What is computed in float64, once for each parameter, and read by the pass as `Slot`s."""
    updates: dict[str, Expr]
    """The new value of each state that is one number a parameter."""
    stores: dict[str, Expr]
    """The new value of each tensor that changes, in terms of tensors, constants and slots."""
    kept: dict[str, dict[str, Symbol]] = field(default_factory=dict)
    """For each quantity that has a format: the tensors that it is kept in."""
    totals: dict[str, Reduction] = field(default_factory=dict)
    """The sums that the pass takes on its way."""
    matrices: dict[str, MatrixFunction] = field(default_factory=dict)
    """What is to be made, once the pass is done, of tensors that it has stored for that."""
    work: tuple[str, ...] = ()
    """Those tensors, of this pass and the ones before."""
    domain: Scope = "element"
    """Over what the pass goes: elements, rows or columns."""
    vectors: dict[str, Scope] = field(default_factory=dict)
    """What waits between passes for each row, column or matrix."""
    along: dict[str, Reduction] = field(default_factory=dict)
    """The sums, means and maxima that the pass takes along rows and columns: each makes such a vector."""
    seams: tuple[str, ...] = ()
    """What is known of the largest sizes in blocks of which other processes have a part, a tensor for each."""
    before: tuple[Program, ...] = ()
    """The passes that this one needs."""
    is_last: bool = True
    """False for a pass that only prepares another: it counts no step."""

    @cached_property
    def tensors(self) -> list[str]:
        """The tensors that are read or written, the parameter and its gradient first."""
        own = [name for name in self.formula.states if name not in self.formula.rule.scalars]
        quantities = ["param", "grad", *own, *self.work, *self.vectors, *self.seams]
        return [tensor for name in quantities for tensor in self.kept.get(name, (name,))]

    @property
    def has_lines(self) -> bool:
        """True if it is one of the passes of a formula that speaks of rows or columns."""
        return self.formula.has_lines

    def scope(self, tensor: str) -> Scope:
        """Say for what a tensor has a number."""
        return self.vectors.get(tensor) or self.formula.rule.scope(tensor)

    @cached_property
    def blocks(self) -> list[str]:
        """Those of them that have one element for a block of the parameter's."""
        own = [name for kept in self.kept.values() for name, symbol in kept.items() if symbol.scope == "block"]
        return [*own, *self.seams]

    @property
    def finds_seams(self) -> bool:
        """True if it only looks for the largest sizes in blocks of which other processes have a part."""
        return bool(self.stores) and self.stores.keys() <= set(self.seams)

    @cached_property
    def scalars(self) -> list[str]:
        """The numbers of a parameter: the step count first, then the states that are one, then what is given."""
        rule = self.formula.rule
        used = {symbol.name for symbol in self.inputs}
        counts = "step_count" in used or (self.is_last and rule.counts_steps)
        own = [name for name in self.formula.states if name in rule.scalars]
        given = {symbol.name: None for symbol in self.inputs if symbol.scope == "parameter"}
        others = [name for name in given if name not in own and name != "step_count"]
        return (["step"] if counts else []) + (own if self.is_last else [name for name in own if name in used]) + others

    @cached_property
    def options(self) -> list[Symbol]:
        """The options that the numbers are computed from."""
        return [symbol for symbol in self.inputs if symbol.scope == "group"]

    @cached_property
    def inputs(self) -> list[Symbol]:
        """All that the numbers are computed from."""
        return list(symbols(*self.numbers, *self.updates.values()))

    @cached_property
    def results(self) -> list[Expr]:
        """All that the pass computes for each element."""
        return [*self.stores.values(), *(node.operands[0] for node in self.sums.values())]

    @cached_property
    def sums(self) -> dict[str, Reduction]:
        """All that is summed on the way, over the parameter or along lines."""
        return self.totals | self.along

    @cached_property
    def loads(self) -> list[str]:
        """The tensors whose old values the pass needs."""
        used = {symbol.name for symbol in symbols(*self.results)}
        return [name for name in self.tensors if name in used]


@dataclass(eq=False, frozen=True)
class Slot(Expr):
    """A number that the pass is given: the place where it stands."""

    index: int
    number: Expr
    varies = False
    operands = ()

    @property
    def kind(self) -> Any:  # type: ignore[override]
        """What stands there."""
        return self.number.kind


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
    outputs = merge(stored(formula, dict(kept), places))
    outputs = rewrite(outputs, reciprocal)
    outputs = rewrite(outputs, gather_numbers)
    changed = {name: value for name, value in outputs.items() if not is_input(value, name)}
    told = formula.measured
    reports = {name: value for name, value in changed.items() if name in told and isinstance(value, Reduction)}
    # Of a sum that is only told of, what matters here is what is summed.
    changed |= {name: value.operands[0] for name, value in reports.items()}
    stages = Stages(formula, places)
    while cuts := next_cuts(changed, len(stages.before)):
        sums = {name: node for name, node in cuts.items() if isinstance(node, Reduction)}
        matrices = {name: node for name, node in cuts.items() if isinstance(node, MatrixFunction)}
        stages.note(cuts)
        known = replaced(changed, {node: symbol_of(name, node) for name, node in cuts.items()})
        # What no later pass reads is written as soon as it is known.
        waits = coded(changed) if has_seams else set[str]()
        done = settled(changed, known, scalars | reports.keys() | {"param"} | waits) if matrices else {}
        stores = done | {name: node.operands[0] for name, node in matrices.items()}
        stages.add(stores, sums, matrices=matrices)
        changed = replaced({name: value for name, value in known.items() if name not in done}, stages.waiting)
    sums = {name: Reduction(value.how, (changed.pop(name),)) for name, value in reports.items()}
    if has_seams and (seams := seams_of(changed)):
        stages.seams = tuple(seams)
        stages.add(seams, {})
        both = {node: maximum(node, Symbol(name, "block")) for name, node in seams.items()}
        changed = replaced(changed, both)
    updates = {name: value for name, value in changed.items() if name in scalars}
    stages.add({name: value for name, value in changed.items() if name not in updates}, sums, updates=updates)
    return stages.before[-1]


class Stages:
    """The passes so far, and what waits between them."""

    def __init__(self, formula: Formula, places: Mapping[str, dict[str, Symbol]]) -> None:
        self.formula, self.places = formula, dict(places)
        self.before: list[Program] = []
        self.work: tuple[str, ...] = ()
        self.vectors: dict[str, Scope] = {}
        self.seams: tuple[str, ...] = ()
        self.waiting: dict[Expr, Expr] = {}
        """What was computed once a row or column, and the vector that it is in."""

    def note(self, cuts: Mapping[str, Expr]) -> None:
        """Note what will be there once the next passes are done."""
        self.work += tuple(name for name, node in cuts.items() if isinstance(node, MatrixFunction))
        self.vectors |= {
            name: scope_of(node) for name, node in cuts.items() if isinstance(node, Reduction) and node.side
        }

    def add(self, stores: Mapping[str, Expr], sums: Mapping[str, Reduction], **more: Any) -> None:
        """Add the passes of one stage; what goes over elements goes last, and more belongs to it."""
        is_last = "updates" in more
        scopes = {name: self.formula.rule.scope(name) for name in stores}
        found, self.waiting = domains(stores, sums, scopes, self.vectors, len(self.before), is_last)
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
    ready = [node for node in cuts if not any(map(is_cut, walk(*node.operands)))]
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


def is_cut(node: Expr) -> bool:
    """Tell if a node needs all elements of a parameter."""
    return isinstance(node, MatrixFunction) or (isinstance(node, Reduction) and node.how != "block_peak")


def symbol_of(name: str, node: Expr) -> Symbol:
    """Name what will be there once the pass is done: a number, or an element of a tensor or vector."""
    return Symbol(name, scope_of(node))


def settled(outputs: Mapping[str, Expr], later: Mapping[str, Expr], others: Container[str]) -> dict[str, Expr]:
    """Find the states that this pass knows, and whose old values no later one reads."""
    done = {name: value for name, value in outputs.items() if name not in others and not any(map(is_cut, walk(value)))}
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
