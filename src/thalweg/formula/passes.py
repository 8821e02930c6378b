"""From the graph of a formula to what a kernel computes: regrouped, with the numbers taken out of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count

from .expr import Constant, Expr, Operation, Symbol, apply, symbols, walk
from .trace import Formula

Rewrite = Callable[[Operation], Expr]


@dataclass(eq=False)
class Program:
    """A formula in two parts: numbers computed once a step, and one pass over the elements."""

    formula: Formula
    numbers: list[Expr]
    """What is computed in float64, once for each parameter, and read by the pass as `Slot`s."""
    updates: dict[str, Expr]
    """The new value of each state that is one number a parameter."""
    stores: dict[str, Expr]
    """The new value of each tensor that changes, in terms of tensors, constants and slots."""

    @property
    def tensors(self) -> list[str]:
        """The tensors that are read or written, the parameter and its gradient first."""
        return ["param", "grad", *(name for name in self.formula.states if name not in self.scalars)]

    @property
    def scalars(self) -> list[str]:
        """The states that are one number a parameter, the step count first."""
        counted = ["step"] if self.formula.rule.counts_steps or self.formula.counts else []
        return counted + [name for name in self.formula.states if name in self.formula.rule.scalars]

    @property
    def options(self) -> list[Symbol]:
        """The options that the numbers are computed from."""
        return [symbol for symbol in self.inputs if symbol.scope == "group"]

    @property
    def inputs(self) -> list[Symbol]:
        """All that the numbers are computed from."""
        return list(symbols(*self.numbers, *self.updates.values()))

    @property
    def loads(self) -> list[str]:
        """The tensors whose old values the pass needs."""
        used = {symbol.name for symbol in symbols(*self.stores.values())}
        return [name for name in self.tensors if name in used]


@dataclass(eq=False, frozen=True)
class Slot(Expr):
    """A number that the pass is given: the place where it stands."""

    index: int
    number: Expr
    varies = False
    operands = ()


@cache
def program_of(formula: Formula) -> Program:
    """Apply all passes, in order."""
    scalars = formula.rule.scalars
    outputs = merge(formula)
    outputs = rewrite(outputs, reciprocal)
    outputs = rewrite(outputs, gather_numbers)
    updates = {name: value for name, value in outputs.items() if name in scalars}
    stores, numbers = hoist({name: value for name, value in outputs.items() if name not in scalars})
    changed = {name: value for name, value in stores.items() if not is_input(value, name)}
    return Program(formula, numbers, updates, changed)


def merge(formula: Formula) -> dict[str, Expr]:
    """Give one node to all uses of a symbol and to equal constants, so that equal expressions are one node."""
    return rewrite(formula.outputs, lambda node: node)


def reciprocal(node: Operation) -> Expr:
    """Turn division of a tensor by a number into a product: the division is done once, in float64."""
    if node.op.name == "divide" and node.varies and not node.operands[1].varies:
        return apply("multiply", node.operands[0], apply("divide", 1.0, node.operands[1]))
    return node


def gather_numbers(node: Operation) -> Expr:
    """Turn a * (b * x) into (a * b) * x where a and b are numbers: one product less per element."""
    if node.op.name != "multiply" or not node.varies:
        return node
    number, tensor = sorted(node.operands, key=lambda operand: operand.varies)
    if number.varies or not (isinstance(tensor, Operation) and tensor.op.name == "multiply"):
        return node
    inner, rest = sorted(tensor.operands, key=lambda operand: operand.varies)
    return node if inner.varies else apply("multiply", apply("multiply", number, inner), rest)


def rewrite(outputs: dict[str, Expr], change: Rewrite) -> dict[str, Expr]:
    """Rebuild the graph from the leaves up with a change at each operation, equal nodes becoming one."""
    known: dict[tuple[object, ...], Expr] = {}
    new: dict[Expr, Expr] = {}

    def unique(node: Expr) -> Expr:
        return known.setdefault(identity(node), node)

    for node in walk(*outputs.values()):
        if isinstance(node, Operation):
            rebuilt = Operation(node.op, tuple(new[operand] for operand in node.operands), node.varies)
            changed = change(rebuilt)
            # The parts that a change has made are shared too.
            new[node] = changed if changed is rebuilt else shared(changed, unique)
        new[node] = unique(new.get(node, node))
    return {name: new[value] for name, value in outputs.items()}


def shared(root: Expr, unique: Callable[[Expr], Expr]) -> Expr:
    """Replace every part of a small new expression by the node that already says the same."""
    new: dict[Expr, Expr] = {}
    for node in walk(root):
        rebuilt = node
        if isinstance(node, Operation):
            rebuilt = Operation(node.op, tuple(new[operand] for operand in node.operands), node.varies)
        new[node] = unique(rebuilt)
    return new[root]


def identity(node: Expr) -> tuple[object, ...]:
    """Describe a node so that equal descriptions mean equal values."""
    if isinstance(node, Operation):
        return (node.op.name, *(id(operand) for operand in node.operands))
    if isinstance(node, Constant):
        return ("constant", node.value.hex())
    assert isinstance(node, Symbol)
    return ("symbol", node.name, node.index)


def hoist(outputs: dict[str, Expr]) -> tuple[dict[str, Expr], list[Expr]]:
    """Replace each number that tensors meet by a slot; return the pass and the numbers in their order."""
    places = count()
    slots: dict[Expr, Expr] = {}
    new: dict[Expr, Expr] = {}

    def given(node: Expr) -> Expr:
        if node.varies or isinstance(node, Constant):
            return new.get(node, node)
        if node not in slots:
            slots[node] = Slot(next(places), node)
        return slots[node]

    for node in walk(*outputs.values()):
        if isinstance(node, Operation) and node.varies:
            new[node] = Operation(node.op, tuple(given(operand) for operand in node.operands), True)
    return {name: given(value) for name, value in outputs.items()}, list(slots)


def is_input(value: Expr, name: str) -> bool:
    """Tell if an output is the tensor as it came."""
    return isinstance(value, Symbol) and value.name == name
