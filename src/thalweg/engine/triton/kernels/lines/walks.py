"""A pass along lines as a Triton module: sums across lines, sums of all, and a walk that stores and sums along them.

Each kernel reads what it needs and no more. Those that only sum go first: nothing has been stored yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from .....formula.graph.expr import Expr, Reduction, symbols
from .....formula.tracing.domains import ALONG_LINES
from .....formula.tracing.program import Program
from .....formula.words.random import ELEMENT
from ....pieces.row_layout import RowLayout, row_layout
from ...language.dtypes import COMPUTE, FORMATS, loaded, stored
from ...language.text import Values, block, head, name_of
from ..elements import finish
from ..numbers import counted, prepare, received
from ..order import in_order
from ..settings import WORD
from .items import ACROSS, CLOSE, NARROW, TOTAL, WALK, unrolled

ROW = ("options", "chunk", "chunks", "width", "height")
"""The last words of a parameter's row: those of all kernels, the elements of a line, and the lines of a matrix."""

PLACES = ("line", "place", "width", "height", "is_line", "inside")
"""What is said of a tile: its lines, the places along them, the shape of a matrix, and what of the tile there is."""

SUMS = "eight_added, folded_max, folded_total, larger"
"""Those of `sums` that kernels call."""


def render_lines(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a pass along lines for tensors of these dtypes; `compute` is the one to compute in."""
    layout = row_layout(program, ROW)
    text = LinePass(program, dtypes, layout)
    parts = [
        f"{head().rstrip()}\nfrom {__package__}.sums import {SUMS}\n",
        prepare(program, dtypes, layout),
        text.walk(),
        *([text.across(), text.close()] if program.across else []),
        *([text.total(), finish(len(program.totals), layout)] if program.totals else []),
    ]
    return "\n\n".join(part.strip() + "\n" for part in parts)


class LinePass:
    """The text of one pass along lines, for tensors of some dtypes."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> None:
        self.program, self.dtypes, self.layout = program, dtypes, layout
        self.at_line = ALONG_LINES[program.domain]
        self.compute = COMPUTE[dtypes["compute"]]
        self.numbers = [f"number_{index}" for index in range(len(program.numbers))]

    def walk(self) -> str:
        """Write the kernel that stores elements, and sums along lines."""
        program = self.program
        columns = _columns(program.within)
        used, function = self._elements("walk_elements", program.stores, program.within)
        count = counted(program, self.layout, self.dtypes, "first + start")
        return f"""{function}

@triton.jit
def walk(
    overflowed, rows, gradients, numbers, items, LINES: tl.constexpr, COLUMNS: tl.constexpr, ALIGNED: tl.constexpr
):
{block(self._head(WALK, {*used, *program.within}), count)}
    # Only of what a loop begins with can it be said, and only so are neighbours read together, in wide words.
    start = tl.multiple_of(start, {NARROW})
    if ALIGNED:
        stop = tl.multiple_of(stop, {WORD})
    line = first + tl.arange(0, LINES)[:, None]
    is_line = line < first + tl.where(tl.load(overflowed) == 0, count, 0)
{block(f"{name} = {_start(node, '(LINES, COLUMNS)')}" for name, node in columns.items())}
    for begin in range(start, stop, COLUMNS):
        place = begin + tl.arange(0, COLUMNS)[None, :]
        inside = is_line & (place < stop)
{block(block(self._call("walk_elements", used, columns)))}
{block(line for name, node in program.within.items() for line in self._folded(name, node))}
"""

    def across(self) -> str:
        """Write the kernel that sums across lines, one line after the other."""
        columns = _columns(self.program.across)
        used, function = self._elements("across_elements", {}, self.program.across)
        return f"""{function}

@triton.jit(do_not_specialize=["partial_count"])
def across(
    overflowed, rows, gradients, numbers, items, partials, partial_count,
    COLUMNS: tl.constexpr, ALIGNED: tl.constexpr,
):
{block(self._head(ACROSS, used))}
    place = tl.multiple_of(start, {NARROW}) + tl.arange(0, COLUMNS)[None, :]
    is_line = tl.full((1, 1), True, tl.int1)
    inside = place < width
{block(f"{name} = {_start(node, '(1, COLUMNS)')}" for name, node in columns.items())}
    for step in tl.range(0, count, loop_unroll_factor={unrolled(self.program)}):
        line = first + step + tl.zeros((1, 1), tl.int64)
{block(block(self._call("across_elements", used, columns)))}
    partials += partial + place
{block(f"tl.store(partials + {index} * partial_count, {name}, inside)" for index, name in enumerate(columns))}
"""

    def close(self) -> str:
        """Write the kernel that brings sums across lines together, piece after piece, for the next pass."""
        across = self.program.across
        return f"""
@triton.jit(do_not_specialize=["partial_count"])
def close(overflowed, rows, items, partials, partial_count, COLUMNS: tl.constexpr):
{block(self._item(CLOSE), self._starts({*across}))}
    place = start + tl.arange(0, COLUMNS)
    inside = place < width
    partials += partial + place
{block(line for index, (name, node) in enumerate(across.items()) for line in self._closed(index, name, node))}
"""

    def total(self) -> str:
        """Write the kernel that sums all of a piece: in columns, one line after the other, and those pairwise."""
        columns = _columns(self.program.totals)
        used, function = self._elements("total_elements", {}, self.program.totals)
        return f"""{function}

@triton.jit
def total(
    overflowed, rows, gradients, numbers, items, sums, COLUMNS: tl.constexpr, ALIGNED: tl.constexpr
):
{block(self._head(TOTAL, used))}
    tiles = tl.cdiv(width, COLUMNS)
{block(f"{name} = tl.zeros((1, COLUMNS), tl.float64)" for name in columns)}
    for step in range(0, count * tiles, 8):
        tile = step + tl.arange(0, 8)[:, None]
        line = first + tile // tiles
        place = (tile % tiles) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
        is_line = tile < count * tiles
        inside = is_line & (place < width)
{block(block(self._called("total_elements", used, columns)))}
{block(block(f"{name} = eight_added({name}, {name}_more)" for name in columns))}
    sums += sum * {len(columns)} + tl.zeros((1, 1), tl.int32)
{block(f"tl.store(sums + {place}, folded_total({name}))" for place, name in enumerate(columns))}
"""

    def _elements(self, name: str, stores: Mapping[str, Expr], sums: Mapping[str, Reduction]) -> tuple[list[str], str]:
        """Write what is done to one tile of elements; give also the tensors that it needs."""
        program = self.program
        roots = [*stores.values(), *(node.operands[0] for node in sums.values())]
        read = {symbol.name for symbol in symbols(*roots)}
        used = [each for each in program.tensors if each in read or each in stores]
        given = {node: name_of(label) for node, label in program.formula.names.items()}
        given |= {value: f"new_{name_of(label)}" for label, value in stores.items()}
        named = {label: name_of(label) for label in program.tensors} | {ELEMENT.label: ELEMENT.name}
        values = Values(self.compute, named, roots, given)
        addresses = [f"{name_of(each)}_at" for each in used]
        text = f"""
@triton.jit
def {name}(
    {", ".join([*addresses, *self.numbers, *PLACES])}
):
    at_element = line * width + place
    at_column = (line // height) * width + place
{block([f"{ELEMENT.name} = at_element.to(tl.int32)"] if ELEMENT.name in read else [])}
{block(self._load(each) for each in used if each in read)}
{block(self._stores(stores, values), _terms(sums, values))}
"""
        return used, text

    def _place(self, name: str) -> tuple[str, str]:
        """Say where a tensor has a tile's numbers, and which of them there are."""
        scope = self.program.scope(name)
        if scope == self.at_line:
            return "line", "is_line"
        return "at_element" if scope == self.program.domain else "at_column", "inside"

    def _load(self, name: str) -> str:
        place, inside = self._place(name)
        text = f"tl.load({name_of(name)}_at + {place}, {inside}, 0)"
        return f"{name_of(name)} = {loaded(self.dtypes[name], text, self.compute)}"

    def _stores(self, stores: Mapping[str, Expr], values: Values) -> Iterator[str]:
        for name, value in in_order(stores):
            yield from values.lines(value)
            place, inside = self._place(name)
            text = stored(self.dtypes[name], values[value], self.compute)
            yield f"tl.store({name_of(name)}_at + {place}, {text}, {inside})"

    def _head(self, words: Sequence[str], used: set[str] | list[str]) -> Iterator[str]:
        """Find an item, its parameter's tensors and its numbers."""
        yield from self._item(words)
        yield from self._starts(set(used))
        yield f"numbers += row * {max(len(self.numbers), 1)}"
        yield "if ALIGNED:"
        yield f"    width = tl.multiple_of(width, {WORD})"
        for name in self.program.tensors:
            if name in used and self.program.scope(name) != self.at_line:
                yield f"    {name_of(name)}_at = tl.multiple_of({name_of(name)}_at, {WORD})"
        yield from received(self.program, self.compute)

    def _item(self, words: Sequence[str]) -> Iterator[str]:
        yield f"items += tl.program_id(0).to(tl.int64) * {len(words)}"
        for index, name in enumerate(words):
            yield f"{name} = tl.load(items + {index})"
        yield f"at = rows + row * {self.layout.width}"
        yield f"width = tl.load(at + {self.layout.word('width')})"
        yield f"height = tl.load(at + {self.layout.word('height')})"

    def _starts(self, used: set[str]) -> Iterator[str]:
        """Find where tensors start."""
        for name in (each for each in self.program.tensors if each in used):
            word = "gradients + row" if name == "grad" else f"at + {self.layout.tensor(name)}"
            kind = FORMATS[self.dtypes[name]].type
            yield f"{name_of(name)}_at = tl.load({word}).to(tl.pointer_type({kind}))"

    def _called(self, function: str, used: Sequence[str], columns: Mapping[str, Reduction]) -> Iterator[str]:
        """Call what is done to a tile, which gives the terms of each sum."""
        passed = [*(f"{name_of(name)}_at" for name in used), *self.numbers, *PLACES]
        given = ", ".join(f"{name}_more" for name in columns)
        yield f"{f'{given} = ' if given else ''}{function}({', '.join(passed)})"

    def _call(self, function: str, used: Sequence[str], columns: Mapping[str, Reduction]) -> Iterator[str]:
        """Add the terms to the columns."""
        yield from self._called(function, used, columns)
        for name, node in columns.items():
            yield f"{name} = {_both(node, name, f'{name}_more')}"

    def _folded(self, name: str, node: Reduction) -> Iterator[str]:
        """Bring the columns of each line together, and leave the result where the next pass finds it."""
        x = name_of(name)
        yield f"{x} = folded_{'max' if _is_max(node) else 'total'}({x}_columns)"
        yield f"tl.store({x}_at + line, {self._rounded(node, x, 'width')}, is_line)"

    def _closed(self, index: int, name: str, node: Reduction) -> Iterator[str]:
        x = name_of(name)
        yield f"{x} = tl.load(partials + {index} * partial_count, inside, 0.0)"
        yield "for piece in range(1, pieces):"
        yield f"    {x}_more = tl.load(partials + {index} * partial_count + piece * width, inside, 0.0)"
        yield f"    {x} = {_both(node, x, f'{x}_more')}"
        yield f"tl.store({x}_at + out + place, {self._rounded(node, x, 'height')}, inside)"

    def _rounded(self, node: Reduction, value: str, count: str) -> str:
        """Divide a sum if a mean is wanted, and round it once."""
        text = f"{value} / {count}.to(tl.float64)" if node.how.endswith("mean") else value
        return f"({text}).to({self.compute})"


def _columns(sums: Mapping[str, Reduction]) -> dict[str, Reduction]:
    """Name the columns of each sum."""
    return {f"{name_of(name)}_columns": node for name, node in sums.items()}


def _is_max(node: Reduction) -> bool:
    return node.how.endswith("max")


def _start(node: Reduction, shape: str) -> str:
    """Write what columns start with."""
    return f'tl.full({shape}, float("-inf"), tl.float64)' if _is_max(node) else f"tl.zeros({shape}, tl.float64)"


def _both(node: Reduction, one: str, other: str) -> str:
    return f"larger({one}, {other})" if _is_max(node) else f"{one} + {other}"


def _terms(sums: Mapping[str, Reduction], values: Values) -> Iterator[str]:
    """Give what is summed, in float64: where there is no element, what changes no sum."""
    yield from values.lines()
    for index, node in enumerate(sums.values()):
        least = 'float("-inf")' if _is_max(node) else "0.0"
        yield f"term_{index} = tl.where(inside, {values[node.operands[0]]}.to(tl.float64), {least})"
    if sums:
        yield f"return {', '.join(_powers(sums))}"


def _powers(sums: Mapping[str, Reduction]) -> Iterator[str]:
    for index, node in enumerate(sums.values()):
        yield f"term_{index} * term_{index}" if node.how == "total_square" else f"term_{index}"
