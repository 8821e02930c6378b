"""One pass over the elements, as kernels are told of it: what it reads, computes, sums and writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from ..graph.expr import Expr, MatrixFunction, Operation, Reduction, Scope, Symbol, symbols, walk
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

    @cached_property
    def touched(self) -> list[str]:
        """Those of them that this very pass reads or writes: of a formula with many passes they are few."""
        used = {*self.loads, *self.stores, *self.along}
        return [name for name in self.tensors if name in used]

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
        # What an earlier pass asks of the count, the last one counts on, in a rule that keeps none, too.
        is_kept = rule.counts_steps or any("step" in each.scalars for each in self.before)
        counts = "step_count" in used or (self.is_last and is_kept)
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
    def operation_count(self) -> int:
        """How many operations it has, for each element and once a step."""
        roots = [*self.results, *self.numbers, *self.updates.values()]
        return sum(isinstance(node, Operation) for node in walk(*roots))

    @cached_property
    def across(self) -> dict[str, Reduction]:
        """Those sums that go from line to line, and not along one."""
        is_of_elements = self.domain == "element"
        return {name: node for name, node in self.along.items() if is_of_elements and node.side == "column"}

    @cached_property
    def within(self) -> dict[str, Reduction]:
        """Those of them that stay within a line."""
        return {name: node for name, node in self.along.items() if name not in self.across}

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
