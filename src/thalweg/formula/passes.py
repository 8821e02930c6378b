"""From the graph of a formula to what kernels compute: regrouped, cut at sums, numbers taken out of the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from typing import Any, Protocol

from .expr import Constant, Expr, Operation, Reduction, Symbol, apply, as_expr, symbols, walk
from .random import Draws
from .trace import Formula

Rewrite = Callable[[Expr], Expr]


class Format(Protocol):
    """How one quantity is kept: in which tensors, and the formulas that read and write it."""

    def symbols(self, name: str) -> dict[str, Symbol]:
        """Name the tensors that a quantity is kept in, and what they give."""

    def read(self, *kept: Any) -> Any:
        """Compute the quantity from what is kept."""

    def write(self, value: Any, draw: Callable[[], Any]) -> tuple[Any, ...]:
        """Compute what is kept from the quantity; `draw` gives 16 random bits an element."""


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
    before: tuple[Program, ...] = ()
    """The passes whose sums this one needs."""
    is_last: bool = True
    """False for a pass that only prepares another: it counts no step."""

    @property
    def tensors(self) -> list[str]:
        """The tensors that are read or written, the parameter and its gradient first."""
        own = [name for name in self.formula.states if name not in self.formula.rule.scalars]
        quantities = ["param", "grad", *own]
        return [tensor for name in quantities for tensor in self.kept.get(name, (name,))]

    @property
    def blocks(self) -> list[str]:
        """Those of them that have one element for a block of the parameter's."""
        return [name for kept in self.kept.values() for name, symbol in kept.items() if symbol.scope == "block"]

    @property
    def scalars(self) -> list[str]:
        """The numbers of a parameter: the step count first, then the states that are one, then what is given."""
        rule = self.formula.rule
        used = {symbol.name for symbol in self.inputs}
        counts = "step_count" in used or (self.is_last and rule.counts_steps)
        own = [name for name in self.formula.states if name in rule.scalars]
        given = {symbol.name: None for symbol in self.inputs if symbol.scope == "parameter"}
        others = [name for name in given if name not in own and name != "step_count"]
        return (["step"] if counts else []) + (own if self.is_last else [name for name in own if name in used]) + others

    @property
    def options(self) -> list[Symbol]:
        """The options that the numbers are computed from."""
        return [symbol for symbol in self.inputs if symbol.scope == "group"]

    @property
    def inputs(self) -> list[Symbol]:
        """All that the numbers are computed from."""
        return list(symbols(*self.numbers, *self.updates.values()))

    @property
    def results(self) -> list[Expr]:
        """All that the pass computes for each element."""
        return [*self.stores.values(), *(operand for total in self.totals.values() for operand in total.operands)]

    @property
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
def program_of(formula: Formula, kept: Kept = ()) -> Program:
    """Apply all passes, in order; what comes back knows the passes that must go before it."""
    scalars = formula.rule.scalars
    places = {name: form.symbols(name) for name, form in kept}
    outputs = merge(stored(formula, dict(kept), places))
    outputs = rewrite(outputs, reciprocal)
    outputs = rewrite(outputs, gather_numbers)
    changed = {name: value for name, value in outputs.items() if not is_input(value, name)}
    reports = {name: value for name, value in changed.items() if isinstance(value, Reduction)}
    # Of a sum that is only told of, what matters here is what is summed.
    changed |= {name: value.operands[0] for name, value in reports.items()}
    before: list[Program] = []
    while sums := next_sums(changed, len(before)):
        numbers, _, totals = hoist({}, sums)
        before.append(Program(formula, numbers, {}, {}, places, totals, tuple(before), is_last=False))
        changed = replaced(changed, {total: Symbol(name, "parameter") for name, total in sums.items()})
    told = {name: Reduction(value.how, (changed.pop(name),)) for name, value in reports.items()}
    updates = {name: value for name, value in changed.items() if name in scalars}
    numbers, stores, totals = hoist({name: value for name, value in changed.items() if name not in updates}, told)
    return Program(formula, numbers, updates, stores, places, totals, tuple(before))


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
            parts = kept[name].write(value, partial(draws.sixteen, next(place)))
            outputs |= zip(places[name], map(as_expr, parts), strict=True)
    return outputs


def next_sums(outputs: Mapping[str, Expr], stage: int) -> dict[str, Reduction]:
    """Find the sums that are needed, and need no other that is not there yet."""
    sums = [node for node in walk(*outputs.values()) if is_sum(node)]
    ready = [node for node in sums if not any(is_sum(inner) for inner in walk(*node.operands))]
    return {f"sum.{stage}.{index}": node for index, node in enumerate(ready) if isinstance(node, Reduction)}


def is_sum(node: Expr) -> bool:
    """Tell if a node is one number for all elements of a parameter."""
    return isinstance(node, Reduction) and not node.varies


def merge(outputs: Mapping[str, Expr]) -> dict[str, Expr]:
    """Give one node to all uses of a symbol and to equal constants, so that equal expressions are one node."""
    return rewrite(outputs, lambda node: node)


def reciprocal(node: Expr) -> Expr:
    """Turn division of a tensor by a number into a product: the division is done once, in float64."""
    if _is(node, "divide") and node.varies and not node.operands[1].varies:
        return apply("multiply", node.operands[0], apply("divide", 1.0, node.operands[1]))
    return node


def gather_numbers(node: Expr) -> Expr:
    """Turn a * (b * x) into (a * b) * x where a and b are numbers: one product less per element."""
    if not _is(node, "multiply") or not node.varies:
        return node
    number, tensor = sorted(node.operands, key=lambda operand: operand.varies)
    if number.varies or not _is(tensor, "multiply"):
        return node
    inner, rest = sorted(tensor.operands, key=lambda operand: operand.varies)
    return node if inner.varies else apply("multiply", apply("multiply", number, inner), rest)


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
    if isinstance(node, Reduction):
        return Reduction(node.how, operands)
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
    if isinstance(node, Reduction):
        return (node.how, *operands)
    if isinstance(node, Constant):
        return ("constant", node.kind, node.value if node.kind == "bits" else node.value.hex())
    assert isinstance(node, Symbol)
    return ("symbol", node.name, node.index)


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
    return list(slots), {name: given(value) for name, value in outputs.items()}, totals


def is_input(value: Expr, name: str) -> bool:
    """Tell if an output is the tensor as it came."""
    return isinstance(value, Symbol) and value.name == name


def passes(program: Program) -> Iterator[Program]:
    """Yield the passes of a step in their order."""
    yield from program.before
    yield program
