"""A loop over elements: each tensor is read once and written once.

Sums are taken in columns, one for each place in a block: an order that vector instructions follow by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ....formula.graph.expr import Expr, Operation, Reduction, Symbol, symbols, walk
from ....formula.graph.scopes import depending
from ....formula.tracing.program import Slot
from ....formula.words.random import ELEMENT
from ..language.dtypes import COMPUTE, FORMATS, format_of
from ..language.text import STREAMING, Values, block, is_condition, name_of


@dataclass(frozen=True)
class Loop:
    """What one loop reads, computes and writes."""

    name: str
    tensors: Sequence[str]
    """All that it is given addresses of."""
    blocks: Sequence[str]
    """Those of them that have one element for the whole loop."""
    peaks: Sequence[str]
    """The numbers that it is given for the whole loop."""
    stores: Mapping[str, Expr]
    names: Mapping[Expr, str]
    """What the formula calls a node."""
    dtypes: Mapping[str, torch.dtype]
    sums: Mapping[str, Reduction] = field(default_factory=dict)
    """What is summed over the block; it has a column for each element."""
    counts: Mapping[str, Expr] = field(default_factory=dict)
    """The conditions whose elements are counted: whole numbers are the same in any order, without columns."""
    attributes: str = STREAMING
    is_long: bool = False
    """Whether each element takes long to compute, and memory is not waited for."""

    @property
    def compute(self) -> str:
        """The type to compute in."""
        return COMPUTE[self.dtypes["compute"]]

    @property
    def arguments(self) -> str:
        """What the function takes."""
        tensors = [f"ptr noalias {name_of(name)}.start" for name in self.tensors]
        columns = [f"ptr noalias {name_of(name)}.columns" for name in self.sums]
        columns += [f"ptr noalias {name_of(name)}.count" for name in self.counts]
        peaks = [f"{self.compute} {name_of(name)}" for name in self.peaks]
        return ", ".join([*tensors, *columns, *peaks, "ptr noalias %slots", "i64 %first", "i64 %length"])

    @property
    def roots(self) -> list[Expr]:
        """All that it computes."""
        summed = (total.operands[0] for total in self.sums.values())
        return [*self.stores.values(), *summed, *self.counts.values()]

    @property
    def slots(self) -> list[Slot]:
        """List the numbers that it reads."""
        return sorted((node for node in walk(*self.roots) if isinstance(node, Slot)), key=lambda slot: slot.index)

    def loads(self, scope: str) -> list[str]:
        """List the tensors that are read for each element, or once."""
        used = {symbol.name for symbol in symbols(*self.roots) if symbol.scope == scope}
        return [name for name in self.tensors if name in used]


def loop(it: Loop) -> str:
    """Write the function."""
    given = dict(it.names) | {value: name for name, value in it.stores.items()}
    named = {name: name_of(name) for name in [*it.tensors, *it.peaks]} | {ELEMENT.label: "%element"}
    values = Values(it.compute, named, given)
    differing = depending(it.roots, is_element)
    once = [node for node in walk(*it.roots) if isinstance(node, Operation) and node not in differing]
    of_blocks = {name: value for name, value in it.stores.items() if name in it.blocks}
    is_drawn = any(symbol.name == ELEMENT.name for symbol in symbols(*it.roots))
    of_elements = {name: value for name, value in it.stores.items() if name not in it.blocks}
    return f"""
define internal void @{it.name}({it.arguments}) {it.attributes} {{
entry:
{block(slots(it.slots, it.compute))}
{block(addresses(it.blocks, it.dtypes, "0"), loads(it.loads("block"), it.dtypes))}
{block(values.lines(once), stores(of_blocks, it.dtypes, values))}
{block(["%element.first = trunc i64 %first to i32"] if is_drawn else [])}
  br label %loop

loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{block(["%element = phi i32 [ %element.first, %entry ], [ %element.next, %loop ]"] if is_drawn else [])}
{block(f"{x}.held = phi i32 [ 0, %entry ], [ {x}.held.next, %loop ]" for x in map(name_of, it.counts))}
{block(addresses([name for name in it.tensors if name not in it.blocks], it.dtypes, "%i"))}
{block(loads(it.loads("element"), it.dtypes))}
{block(values.arithmetic(it.roots, once))}
{block(stores(of_elements, it.dtypes, values), sums(it, values), counts(it, values))}
{block(["%element.next = add i32 %element, 1"] if is_drawn else [])}
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %length
  br i1 %done, label %exit, label %loop, !llvm.loop {told(it)}

exit:
{block(counted(it))}
  ret void
}}
"""


def told(it: Loop) -> str:
    """Say which of a module's last lines is about the loop.

    To columns of float64, LLVM by itself adds only as many elements at once as there are float64 in a vector.
    """
    if it.sums and it.compute == "float":
        return "!0"
    return "!5" if it.is_long else "!3"


def is_element(node: Expr) -> bool:
    """Tell if a node is of an element, and differs between those of a block."""
    return isinstance(node, Symbol) and node.scope == "element"


def slots(used: Sequence[Slot], compute: str) -> Iterator[str]:
    """Read the numbers, once before the loop."""
    for slot in used:
        name = f"%slot.{slot.index}"
        yield f"{name}.at = getelementptr {compute}, ptr %slots, i64 {slot.index}"
        if slot.kind == "bits":
            yield f"{name} = load i32, ptr {name}.at"
        elif is_condition(slot.number):
            yield f"{name}.number = load {compute}, ptr {name}.at"
            yield f"{name} = fcmp une {compute} {name}.number, 0.0"
        else:
            yield f"{name} = load {compute}, ptr {name}.at"


def addresses(tensors: Iterable[str], dtypes: Mapping[str, torch.dtype], place: str) -> Iterator[str]:
    """Find the element of each tensor."""
    for name in tensors:
        kind, x = FORMATS[dtypes[name]].type, name_of(name)
        yield f"{x}.at = getelementptr inbounds {kind}, ptr {x}.start, i64 {place}"


def loads(tensors: Iterable[str], dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Read the elements, widened to the format that is computed in."""
    for name in tensors:
        form = format_of(dtypes[name], COMPUTE[dtypes["compute"]])
        text = form.load.format(x=name_of(name), at=f"{name_of(name)}.at", type=form.type, bytes=form.bytes)
        yield from text.strip().splitlines()


def stores(results: Mapping[str, Expr], dtypes: Mapping[str, torch.dtype], values: Values) -> Iterator[str]:
    """Write the elements, rounded once."""
    for name, value in results.items():
        form = format_of(dtypes[name], COMPUTE[dtypes["compute"]])
        text = form.store.format(x=values[value], at=f"{name_of(name)}.at", type=form.type, bytes=form.bytes)
        yield from text.strip().splitlines()


TERMS = {"total_square": "fmul double {x}.wide, {x}.wide"}
"""What is added to a column, where it is not the number itself."""

WIDE = {"float": "fpext float {value} to double", "double": "fadd double {value}, -0.0"}


ADDED = """{x}.old = load double, ptr {x}.at
{x}.new = fadd double {x}.old, {x}.term"""

# Read as bits, a NaN is told by them: else LLVM stores under a mask, for which some processors take ten times as long.
LARGER = """{x}.old.bits = load {whole}, ptr {x}.at
{x}.old = bitcast {whole} {x}.old.bits to {type}
{x}.old.size = and {whole} {x}.old.bits, {sizes}
{x}.old.nan = icmp ugt {whole} {x}.old.size, {infinity}
{x}.old.larger = fcmp ogt {type} {x}.old, {value}
{x}.keep = or i1 {x}.old.larger, {x}.old.nan
{x}.new = select i1 {x}.keep, {type} {x}.old, {type} {value}"""

BITS = {
    "float": {"type": "float", "whole": "i32", "sizes": 2**31 - 1, "infinity": 0x7F800000},
    "double": {"type": "double", "whole": "i64", "sizes": 2**63 - 1, "infinity": 0x7FF0000000000000},
}
"""How the bits of numbers are told apart."""


def column_type(total: Reduction, compute: str) -> str:
    """Say what numbers the columns of a sum hold: it is added in float64, and what is only compared stays as it is."""
    return compute if total.how.endswith("max") else "double"


def sums(it: Loop, values: Values) -> Iterator[str]:
    """Add to the columns, or keep what is larger."""
    for name, total in it.sums.items():
        x, value, kind = name_of(name), values[total.operands[0]], column_type(total, it.compute)
        yield f"{x}.at = getelementptr inbounds {kind}, ptr {x}.columns, i64 %i"
        if total.how.endswith("max"):
            yield from LARGER.format(x=x, value=value, **BITS[kind]).splitlines()
        else:
            yield f"{x}.wide = " + WIDE[it.compute].format(value=value)
            yield f"{x}.term = " + TERMS.get(total.how, "fadd double {x}.wide, -0.0").format(x=x)
            yield from ADDED.format(x=x).splitlines()
        yield f"store {kind} {x}.new, ptr {x}.at"


def counts(it: Loop, values: Values) -> Iterator[str]:
    """Count the elements for which a condition holds."""
    for name, condition in it.counts.items():
        x = name_of(name)
        yield f"{x}.holds = zext i1 {values[condition]} to i32"
        yield f"{x}.held.next = add i32 {x}.held, {x}.holds"


def counted(it: Loop) -> Iterator[str]:
    """Add what was counted to the sum."""
    for x in map(name_of, it.counts):
        yield f"{x}.more = uitofp i32 {x}.held.next to double"
        yield f"{x}.old = load double, ptr {x}.count"
        yield f"{x}.new = fadd double {x}.old, {x}.more"
        yield f"store double {x}.new, ptr {x}.count"


def nothing_counted(names: Mapping[str, Expr], totals: Sequence[str], table: str) -> Iterator[str]:
    """Start counts at zero, in the places of a chunk's sums."""
    for x, place in ((name_of(name), totals.index(name)) for name in names):
        yield f"{x}.count = getelementptr double, ptr {table}, i64 {place}"
        yield f"store double 0.0, ptr {x}.count"
