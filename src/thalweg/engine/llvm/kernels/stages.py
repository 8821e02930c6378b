"""A pass as loops: one over all elements, or two over each block where something of the block must be known first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from ....formula.graph.expr import BLOCK, Expr, Operation, Reduction, Symbol, symbols, walk
from ....formula.graph.rewrite import replaced
from ....formula.graph.scopes import depending
from ....formula.tracing.program import Program
from ....formula.words.random import ELEMENT
from ..language.dtypes import FORMATS
from ..language.text import ATTRIBUTES
from .elements import Loop

STRIDE = 64
"""Elements between two requests for memory: with more, they come in bursts, and small tensors ask for too much."""

MANY = 50
"""Operations an element, beyond which vectors of full width are faster: AdamG takes 9.5 us instead of 11.4."""


@dataclass(frozen=True)
class Stages:
    """The loops of a pass, and what lies between them: values kept for a block, and largest sizes."""

    first: Loop
    second: Loop | None = None
    buffers: dict[str, Expr] = field(default_factory=dict)
    """What the first loop computes for the second."""
    peaks: dict[str, str] = field(default_factory=dict)
    """For each largest size the buffer that it is found in."""
    totals: list[str] = field(default_factory=list)
    """All that is summed or counted, in the order of a chunk's sums."""

    @property
    def stride(self) -> int:
        """How many elements the loops see at once: a block, where something is known or summed for each block.

        Long loops see a block, too: they do not wait for memory, and many vectors side by side need many elements.
        """
        of_blocks = self.buffers or self.first.sums or self.first.blocks or self.packed
        return BLOCK if of_blocks or self.first.is_long else STRIDE

    @property
    def packed(self) -> list[str]:
        """List the tensors that are read or written, and whose bytes have two elements each."""
        used = {*self.first.loads("element"), *self.written}
        return [name for name in self.first.tensors if name in used and FORMATS[self.first.dtypes[name]].together > 1]

    @property
    def repacked(self) -> list[str]:
        """List those of them that are written."""
        return [name for name in self.packed if name in self.written]

    @property
    def written(self) -> set[str]:
        """All that the loops write."""
        return {*self.first.stores, *(self.second.stores if self.second else ())}


def stages(program: Program, dtypes: Mapping[str, torch.dtype]) -> Stages:
    """Cut a pass into loops."""
    behind = depending(program.stores.values(), is_peak)
    late = {name: value for name, value in program.stores.items() if value in behind}
    early = {name: value for name, value in program.stores.items() if name not in late}
    largest: list[Expr] = [node for node in walk(*late.values()) if isinstance(node, Reduction)]
    needed = dict.fromkeys([*frontier(late), *(node.operands[0] for node in largest)])
    buffers = {f"buffer.{index}": node for index, node in enumerate(needed)}
    places = {node: name for name, node in buffers.items()}
    peaks = {f"peak.{index}": places[node.operands[0]] for index, node in enumerate(largest)}
    inner: dict[Expr, Expr] = {node: Symbol(f"peak.{index}", "block") for index, node in enumerate(largest)}
    inner |= {node: Symbol(name, "element") for name, node in buffers.items()}
    local = dict(dtypes) | dict.fromkeys(buffers, dtypes["compute"])
    first = _loop("elements", program, [*program.tensors, *buffers], [], early | buffers, local, program.totals)
    if not late:
        return Stages(first, totals=list(program.totals))
    encoded = {name: _inside(value, inner) for name, value in late.items()}
    used = {symbol.name for symbol in symbols(*encoded.values())}
    tensors = [name for name in [*program.tensors, *buffers] if name in used or name in late]
    return Stages(
        first, _loop("encode", program, tensors, list(peaks), encoded, local, {}), buffers, peaks, list(program.totals)
    )


def _inside(value: Expr, inner: Mapping[Expr, Expr]) -> Expr:
    return replaced({"value": value}, inner)["value"]


def _loop(
    name: str,
    program: Program,
    tensors: list[str],
    peaks: list[str],
    stores: Mapping[str, Expr],
    dtypes: Mapping[str, torch.dtype],
    sums: Mapping[str, Reduction],
) -> Loop:
    blocks = [tensor for tensor in tensors if tensor in program.blocks]
    counts = {name: total.operands[0].operands[0] for name, total in sums.items() if is_count(total)}
    sums = {name: total for name, total in sums.items() if name not in counts}
    loop = Loop(name, tensors, blocks, peaks, stores, program.formula.names, dtypes, sums, counts)
    has_buffers = any(tensor.startswith("buffer.") for tensor in tensors)
    if _computes_long(loop):
        return replace(loop, attributes=ATTRIBUTES, is_long=True)
    return replace(loop, attributes=ATTRIBUTES) if sums or has_buffers else loop


def _computes_long(loop: Loop) -> bool:
    """Tell if a loop does not wait for memory, as those with angles, cube roots and the like."""
    return sum(isinstance(node, Operation) and node.varies for node in walk(*loop.roots)) > MANY


def is_count(total: Reduction) -> bool:
    """Tell if a sum counts the elements for which a condition holds."""
    term = total.operands[0]
    return total.how == "total" and isinstance(term, Operation) and term.op.name == "where" and _is_one_or_zero(term)


def _is_one_or_zero(term: Operation) -> bool:
    return [getattr(result, "value", None) for result in term.operands[1:]] == [1.0, 0.0]


def is_peak(node: Expr) -> bool:
    """Tell if a node is known only at the end of a block."""
    return isinstance(node, Reduction)


def frontier(late: Mapping[str, Expr]) -> Iterator[Expr]:
    """Find the numbers that late nodes need from the first loop; bits, and what depends on no tensor, come again."""
    seen: set[Expr] = set()
    behind, reading = depending(late.values(), is_peak), depending(late.values(), is_read)
    stack = list(late.values())
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Symbol) and node.scope == "block":
            # What is one number a block is read where it is needed.
            continue
        is_ready = node not in behind and node in reading
        if is_ready and node.kind == "number" and isinstance(node, Operation | Symbol):
            yield node
        elif not isinstance(node, Reduction):
            stack.extend(node.operands)


def is_read(node: Expr) -> bool:
    """Tell if a node is read from a tensor."""
    return isinstance(node, Symbol) and node.varies and node.name != ELEMENT.name
