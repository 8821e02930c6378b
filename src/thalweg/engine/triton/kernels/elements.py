"""The pass over the elements: each tensor is read once and written once."""

from collections.abc import Iterator, Mapping

import torch

from ....formula.graph.expr import BLOCK, Expr, symbols
from ....formula.tracing.program import Program
from ....formula.words.random import ELEMENT
from ...pieces.row_layout import RowLayout
from ..language.dtypes import COMPUTE, FORMATS, loaded, stored
from ..language.text import Values, block, name_of
from .numbers import counted, received
from .order import in_order
from .settings import UNIT, WORD, asks_again, chunk_words, goes_by_blocks, goes_by_places, granule


class Pass:
    """The text of one pass for tensors of some dtypes."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> None:
        self.program, self.dtypes, self.layout = program, dtypes, layout
        self.compute = COMPUTE[dtypes["compute"]]
        self.addresses = [f"{name_of(name)}_at" for name in program.tensors]
        self.numbers = [f"number_{index}" for index in range(len(program.numbers))]
        self.words = chunk_words(program)

    def elements(self) -> str:
        """Write what is done to one tile of elements: where its tensors start, how many of its elements there are."""
        program = self.program
        given = {node: name_of(name) for node, name in program.formula.names.items()}
        given |= {value: f"new_{name_of(name)}" for name, value in program.stores.items()}
        named = {name: name_of(name) for name in program.tensors} | {ELEMENT.label: ELEMENT.name}
        values = Values(self.compute, named, program.results, given)
        return f"""
@triton.jit
def elements(
    {", ".join([*self.addresses, *self.numbers, *self._standing()])}, length,
    BLOCKS: tl.constexpr, ALIGNED: tl.constexpr,
):
    place = places(BLOCKS)
    inside = {self._is_there()}
{block(self._element(), self._loads(), self._stores(values), self._terms(values))}
"""

    def _is_there(self) -> str:
        """Say how it is found which elements there are."""
        if goes_by_blocks(self.program):
            return "there(place, begin, length, BLOCKS, ALIGNED)"
        return "within(place, begin, length, ALIGNED)" if goes_by_places(self.program) else "place < length"

    def _standing(self, start: str = "") -> list[str]:
        """Say where a tile's first block begins in the whole tensor, and with which element it begins here."""
        if not goes_by_places(self.program):
            return []
        return [f"offset + {start}", f"begin - {start}"] if start else ["offset", "begin"]

    def _element(self) -> Iterator[str]:
        """Number the elements, where random bits are drawn."""
        if any(symbol.name == ELEMENT.name for symbol in symbols(*self.program.results)):
            yield f"{ELEMENT.name} = offset + place"

    def _loads(self) -> Iterator[str]:
        """Read the elements, widened to the format that is computed in."""
        for name in self.program.loads:
            yield f"{name_of(name)} = {self._load(name)}"

    def _load(self, name: str) -> str:
        if self._is_packed(name):
            return f"load_packed({name_of(name)}_at, length, BLOCKS, ALIGNED)"
        text = f"tl.load({name_of(name)}_at + {self._part('place', name)}, {self._inside(name)}, 0)"
        if self._is_half_a_word(name):
            text = f"load_halves({name_of(name)}_at, begin, length, BLOCKS, ALIGNED)"
        return loaded(self.dtypes[name], text, self.compute)

    def _stores(self, values: Values) -> Iterator[str]:
        """Write the elements, rounded once, and what is one for a block."""
        for name, value in in_order(self.program.stores):
            yield from values.lines(value)
            yield self._store(name, values[value])

    def _store(self, name: str, value: str) -> str:
        if self._is_packed(name):
            return f"store_packed({name_of(name)}_at, {value}, begin, length, BLOCKS, ALIGNED)"
        text = stored(self.dtypes[name], value, self.compute)
        return f"tl.store({name_of(name)}_at + {self._part('place', name)}, {text}, {self._inside(name)})"

    def _terms(self, values: Values) -> Iterator[str]:
        """Give what is summed, in float64."""
        yield from values.lines()
        terms = []
        for index, total in enumerate(self.program.totals.values()):
            value = f"{values[total.operands[0]]}.to(tl.float64)"
            # What is summed as it was read is zero where there is no element.
            is_read = total.operands[0] in self._symbols()
            yield f"term_{index} = {value if is_read else f'tl.where(inside, {value}, 0.0)'}"
            terms.append(f"term_{index} * term_{index}" if total.how == "total_square" else f"term_{index}")
        if terms:
            yield f"return {', '.join(terms)}"

    def _symbols(self) -> set[Expr]:
        """List what is read and has not to be decoded."""
        return {item for item in symbols(*self.program.results) if item.scope == "element" and item.kind == "number"}

    def _is_packed(self, name: str) -> bool:
        return FORMATS[self.dtypes[name]].together > 1

    def _is_half_a_word(self, name: str) -> bool:
        """Tell if each thread has as many neighbours of a tensor as are read as words of two."""
        is_half = FORMATS[self.dtypes[name]].type == "tl.int16"
        return is_half and goes_by_blocks(self.program) and self._together() == WORD // 2

    def _inside(self, name: str) -> str:
        """Say which of a tensor's elements are there."""
        return "blocks_there(length, BLOCKS, ALIGNED)" if name in self.program.blocks else "inside"

    def _part(self, elements: str, name: str) -> str:
        """Say what a number of elements is in a tensor where several of them share a place."""
        if name in self.program.blocks and elements == "place":
            elements = "places_of_blocks(BLOCKS)"
        together = BLOCK if name in self.program.blocks else FORMATS[self.dtypes[name]].together
        return f"{elements} // {together}" if together > 1 else elements

    def start(self) -> Iterator[str]:
        """Find where a chunk starts in each tensor."""
        for name in self.program.tensors:
            word = "gradients + row" if name == "grad" else f"at + {self.layout.tensor(name)}"
            kind = FORMATS[self.dtypes[name]].type
            yield f"{name_of(name)}_at = tl.load({word}).to(tl.pointer_type({kind})) + {self._first(name)}"

    def _first(self, name: str) -> str:
        """Say where a chunk starts in a tensor: by the blocks that are here, where one has a place of its own."""
        if name in self.program.blocks:
            return "block"
        return f"{BLOCK // 2} * block.to(tl.int64)" if self._is_packed(name) else "first"

    def aligned(self) -> Iterator[str]:
        """Say what is known of addresses where all tensors start at a multiple of 16 bytes.

        All threads take as many neighbours of each tensor: as many as make 16 bytes of the widest.
        """
        for name, size in self._sizes().items():
            yield f"{name_of(name)}_at = tl.multiple_of({name_of(name)}_at, {self._together() * size})"

    def _together(self) -> int:
        """Count the neighbours that a thread has of each tensor."""
        return WORD // max(self._sizes().values())

    def _sizes(self) -> dict[str, int]:
        """Give the bytes of an element of each tensor that has one for each."""
        names = (name for name in self.program.tensors if name not in self.program.blocks)
        return {name: FORMATS[self.dtypes[name]].bytes for name in names}

    def update(self) -> str:
        """Write the kernel that finds a chunk's tensors and goes over its elements."""
        return self._summing() if self.program.totals else self._plain()

    def _head(self) -> str:
        width = max(len(self.program.numbers), 1)
        return f"""
    chunk = chunks + tl.program_id(0).to(tl.int64) * {len(self.words)}
{block(f"{name} = tl.load(chunk + {place})" for place, name in enumerate(self.words))}
    first = unit.to(tl.int64) * {UNIT}
    if not ALIGNED:
        first += rest
    at = rows + row.to(tl.int64) * {self.layout.width}
{block(counted(self.program, self.layout, self.dtypes, "first"), self._place())}
    numbers += row * {width}
    # A scaler's step that found an overflow has nothing to do.
    length = tl.where(tl.load(overflowed) == 0, length, 0)
    if ALIGNED:
        length = tl.multiple_of(length, {granule(self.program)})
""".strip("\n")

    def _operands(self) -> Iterator[str]:
        """Find a chunk's tensors and its numbers."""
        yield from self.start()
        yield "if ALIGNED:"
        yield from (f"    {line}" for line in self.aligned())
        yield from received(self.program, self.compute)

    def _place(self) -> Iterator[str]:
        """Find the block in which a chunk begins: that of a shard may have begun before."""
        if goes_by_places(self.program):
            yield f"offset = place & -{BLOCK}"
            yield f"begin = place & {BLOCK - 1}"
            yield "if not ALIGNED:"
            yield "    first -= begin"
            yield "    length += begin"

    def _plain(self) -> str:
        return f"""
@triton.jit
def update(
    overflowed, rows, gradients, numbers, chunks, BLOCKS: tl.constexpr, LENGTH: tl.constexpr, ALIGNED: tl.constexpr
):
{self._head()}
{block(self._operands())}
    if LENGTH == BLOCKS * 256 and BLOCKS > 1:
        elements({", ".join([*self.addresses, *self.numbers, *self._standing()])}, length, BLOCKS, ALIGNED)
    else:
        for start in range(0, length, BLOCKS * 256):
            elements({self._moved()}, length - start, BLOCKS, ALIGNED)
"""

    def _moved(self) -> str:
        """Say where a later tile of a chunk starts in each tensor."""
        names = zip(self.program.tensors, self.addresses, strict=True)
        addresses = (f"{address} + {self._part('start', name)}" for name, address in names)
        return ", ".join([*addresses, *self.numbers, *self._standing("start")])

    def _summing(self) -> str:
        """Write the kernel that takes sums: in columns, one for each place in a block, and those added pairwise."""
        columns = [f"columns_{index}" for index in range(len(self.program.totals))]
        before, within = ([], self._operands()) if asks_again(self.program) else (self._operands(), [])
        return f"""
@triton.jit
def update(
    overflowed, rows, gradients, numbers, chunks, sums,
    BLOCKS: tl.constexpr, LENGTH: tl.constexpr, ALIGNED: tl.constexpr,
):
{self._head()}
{block(before)}
{block(f"{name} = tl.zeros((2, 128), tl.float64)" for name in columns)}
    for start in range(0, length, BLOCKS * 256):
{block(block(within))}
        {"".join(f"{name}_more, " for name in columns).rstrip(", ")} = elements(
            {self._moved()}, length - start, BLOCKS, ALIGNED
        )
{block(block(f"{name} = added_in_order({name}, {name}_more, BLOCKS)" for name in columns))}
    sums += number * {len(columns)}
{block(f"tl.store(sums + {place}, pairwise({name}))" for place, name in enumerate(columns))}
"""


def finish(count: int, layout: RowLayout) -> str:
    """Write the kernel that adds the sums of each row's chunks."""
    return f"""
@triton.jit
def finish(overflowed, rows, sums, totals):
    row = tl.program_id(0).to(tl.int64)
    at = rows + row * {layout.width}
    sums += tl.load(at + {layout.word("chunk")}) * {count}
    pieces = tl.load(at + {layout.word("chunks")})
{block(_finished(count))}
"""


def _finished(count: int) -> Iterator[str]:
    """Add up each sum of a row."""
    for place in range(count):
        yield f"tl.store(totals + row * {count} + {place}, sum_of_pieces(sums + {place}, {count}, pieces))"
