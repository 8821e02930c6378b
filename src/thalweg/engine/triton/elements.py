"""The pass over the elements: each tensor is read once and written once."""

from collections.abc import Iterator, Mapping

import torch

from ...formula.expr import BLOCK, symbols
from ...formula.passes import Program
from ...formula.random import ELEMENT
from .formats import COMPUTE, FORMATS, loaded, stored
from .layout import RowLayout
from .text import Values, block, is_condition, name_of

WIDEST = 16
"""Bytes that one thread reads at once, where all tensors of a chunk start at a multiple of them."""


class Pass:
    """The text of one pass for tensors of some dtypes."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> None:
        self.program, self.dtypes, self.layout = program, dtypes, layout
        self.compute = COMPUTE[dtypes["compute"]]
        self.addresses = [f"{name_of(name)}_at" for name in program.tensors]

    def elements(self) -> str:
        """Write what is done to one block of elements: where its tensors start, which of their elements it has."""
        program = self.program
        given = program.formula.names | {value: f"new_{name_of(name)}" for name, value in program.stores.items()}
        named = {name: name_of(name) for name in program.tensors} | {ELEMENT.label: ELEMENT.name}
        values = Values(self.compute, named, program.results, given)
        return f"""
@triton.jit
def elements({", ".join(self.addresses)}, numbers, first, place, inside):
{block(self._numbers(), self._element(), self._loads(), values.lines(), self._stores(values), self._terms(values))}
"""

    def _numbers(self) -> Iterator[str]:
        """Read the numbers, and round them to what the pass computes in."""
        for index, number in enumerate(self.program.numbers):
            read = f"tl.load(numbers + {index})"
            kind = "tl.int32" if number.kind == "bits" else self.compute
            yield f"number_{index} = {read} != 0" if is_condition(number) else f"number_{index} = {read}.to({kind})"

    def _element(self) -> Iterator[str]:
        """Number the elements, where random bits are drawn."""
        if any(symbol.name == ELEMENT.name for symbol in symbols(*self.program.results)):
            yield f"{ELEMENT.name} = (first + place).to(tl.int32)"

    def _loads(self) -> Iterator[str]:
        """Read the elements, widened to the format that is computed in."""
        for name in self.program.loads:
            yield f"{name_of(name)} = {self._load(name)}"

    def _load(self, name: str) -> str:
        if self._is_packed(name):
            return f"load_packed({name_of(name)}_at, place, inside)"
        text = f"tl.load({name_of(name)}_at + {self._part('place', name)}, inside)"
        return loaded(self.dtypes[name], text, self.compute)

    def _stores(self, values: Values) -> Iterator[str]:
        """Write the elements, rounded once; of what is one for a block, the first element writes it."""
        for name, value in self.program.stores.items():
            yield self._store(name, values[value])

    def _store(self, name: str, value: str) -> str:
        if self._is_packed(name):
            return f"store_packed({name_of(name)}_at, {value}, inside)"
        text = stored(self.dtypes[name], value, self.compute)
        where = f"inside & (place % {BLOCK} == 0)" if name in self.program.blocks else "inside"
        return f"tl.store({name_of(name)}_at + {self._part('place', name)}, {text}, {where})"

    def _terms(self, values: Values) -> Iterator[str]:
        """Give what is summed, in float64."""
        terms = []
        for index, total in enumerate(self.program.totals.values()):
            yield f"term_{index} = tl.where(inside, {values[total.operands[0]]}.to(tl.float64), 0.0)"
            terms.append(f"term_{index} * term_{index}" if total.how == "total_square" else f"term_{index}")
        if terms:
            yield f"return {', '.join(terms)}"

    def _is_packed(self, name: str) -> bool:
        return FORMATS[self.dtypes[name]].together > 1

    def _part(self, elements: str, name: str) -> str:
        """Say what a number of elements is in a tensor where several of them share a place."""
        together = BLOCK if name in self.program.blocks else FORMATS[self.dtypes[name]].together
        return f"{elements} // {together}" if together > 1 else elements

    def start(self) -> Iterator[str]:
        """Find where a chunk starts in each tensor."""
        for name in self.program.tensors:
            word = "gradients + row" if name == "grad" else f"at + {self.layout.tensor(name)}"
            kind = FORMATS[self.dtypes[name]].type
            yield f"{name_of(name)}_at = tl.load({word}).to(tl.pointer_type({kind})) + {self._part('first', name)}"

    def alignment(self) -> Iterator[str]:
        """Find out if every tensor may be read in wide words."""
        wide = [
            address for name, address in zip(self.program.tensors, self.addresses, strict=True) if self._is_wide(name)
        ]
        yield f"addresses = {' | '.join(f'{address}.to(tl.int64)' for address in wide)}"

    def aligned(self) -> Iterator[str]:
        """Write the addresses with what is known of them then."""
        for name, address in zip(self.program.tensors, self.addresses, strict=True):
            yield f"tl.multiple_of({address}, {WIDEST})," if self._is_wide(name) else f"{address},"

    def _is_wide(self, name: str) -> bool:
        return name not in self.program.blocks

    def update(self) -> str:
        """Write the kernel that finds a chunk's tensors and goes over its elements."""
        return self._summing() if self.program.totals else self._plain()

    def _head(self) -> str:
        width = max(len(self.program.numbers), 1)
        return f"""
    at = rows + row * {self.layout.width}
{block(self.start())}
    numbers += row * {width}
    # A scaler's step that found an overflow has nothing to do.
    length = tl.where(tl.load(overflowed) == 0, tl.load(at + {self.layout.length}) - first, 0)
""".strip("\n")

    def _plain(self) -> str:
        passed = "numbers, first, place"
        return f"""
@triton.jit
def update(rows, gradients, numbers, chunks, overflowed, BLOCK: tl.constexpr):
    index = tl.program_id(0).to(tl.int64)
    row = tl.load(chunks + 2 * index).to(tl.int64)
    first = tl.load(chunks + 2 * index + 1).to(tl.int64) * BLOCK
{self._head()}
    place = tl.arange(0, BLOCK)
{block(self.alignment())}
    if (length >= BLOCK) & (addresses % {WIDEST} == 0):
        elements(
{block(block(block(self.aligned())))}
            {passed}, place < BLOCK,
        )
    else:
        elements({", ".join(self.addresses)}, {passed}, place < length)
"""

    def _summing(self) -> str:
        """Write the kernel that takes sums: in columns, one for each place in a block, and those added pairwise."""
        columns = [f"columns_{index}" for index in range(len(self.program.totals))]
        moved = [
            f"{address} + {self._part('start', name)}"
            for name, address in zip(self.program.tensors, self.addresses, strict=True)
        ]
        return f"""
@triton.jit
def update(rows, gradients, numbers, chunks, sums, overflowed, BLOCK: tl.constexpr, LENGTH: tl.constexpr):
    index = tl.program_id(0).to(tl.int64)
    row = tl.load(chunks + 2 * index).to(tl.int64)
    first = tl.load(chunks + 2 * index + 1).to(tl.int64) * LENGTH
{self._head()}
    place = tl.arange(0, BLOCK)
{block(f"{name} = tl.zeros((BLOCK,), tl.float64)" for name in columns)}
    for start in range(0, tl.minimum(length, LENGTH), BLOCK):
        {"".join(f"{name}_more, " for name in columns).rstrip(", ")} = elements(
            {", ".join(moved)}, numbers, first + start, place, start + place < length
        )
{block(block(f"{name} += {name}_more" for name in columns))}
{block(f"tl.store(sums + index * {len(columns)} + {place}, pairwise({name}))" for place, name in enumerate(columns))}
"""


def finish(count: int, layout: RowLayout) -> str:
    """Write the kernel that adds the sums of each row's chunks, one after the other."""
    totals = [f"total_{index}" for index in range(count)]
    return f"""
@triton.jit
def finish(rows, sums, totals, LENGTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = rows + row * {layout.width}
    first = tl.load(at + {layout.chunk})
    length = tl.load(at + {layout.length})
{block(f"{name} = tl.full((), 0.0, tl.float64)" for name in totals)}
    for index in tl.range(first, first + tl.cdiv(length, LENGTH), loop_unroll_factor=8):
{block(block(f"{name} += tl.load(sums + index * {count} + {place})" for place, name in enumerate(totals)))}
{block(f"tl.store(totals + row * {count} + {place}, {name})" for place, name in enumerate(totals))}
"""
