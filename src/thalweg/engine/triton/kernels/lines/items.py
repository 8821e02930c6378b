"""The work of a pass along lines, cut into items, an item for each program; a table of words says which.

Whatever is added up is cut as on the CPU, whose order of adding is kept; all else is cut so that there is much at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .....formula.graph.expr import BLOCK, symbols
from .....formula.tracing.domains import ALONG_LINES
from .....formula.tracing.program import Program
from ....pieces.line_pieces import Counts, Piece, lines, pieces
from ..given import counts_by_itself

NARROW = 32
"""Columns of a tile whose lines are no longer; those of all others are the 256 of a block."""

TILE = 1024
"""Elements of a tile whose lines need no order among them."""

SPAN = 4096
"""Elements of a line that an item has, where nothing is summed along it."""

WARPS = {"walk": 8, "total": 4, "across": 2, "close": 1}
"""The warps of a program that goes along long lines.

A thread of a walk then has four elements, as many as it reads at once of float32: with eight, Ranger21 took 124
registers. What sums across lines has a value for each column, so that with more than two warps no thread would read
16 bytes at once.
"""

SEVERAL = 2
"""How many sums of all elements need twice as many warps: with four, AdamP's took 106 registers; with one, 254.

A single sum needs fewer instructions with four; but where it is of rows or columns alone, it is little work, and its
numbers are read in float64 or are divided, so that it took 89 registers.
"""

FEW = 2
"""How many tensors leave registers for four lines under way, and not two: ObliqueAdam took 132 with four."""

WALK = ("row", "first", "count", "start", "stop")
"""The words of an item that stores and sums along lines: its lines, and which of their elements."""

TOTAL = ("row", "first", "count", "sum")
"""The words of an item that sums all of its lines, and where its sum goes."""

ACROSS = ("row", "first", "count", "start", "partial")
"""The words of an item that sums across lines: its lines, its first column, and where the sums of its columns go."""

CLOSE = ("row", "start", "partial", "pieces", "out")
"""The words of an item that brings together the sums of some columns: where those of each piece and the results are."""


@dataclass(frozen=True)
class Shape:
    """What decides which compiled kernel is for a parameter: how many columns a tile has, and whether lines align."""

    columns: int
    is_aligned: bool


def columns_of(width: int) -> int:
    """Choose how many columns the tiles of a parameter have."""
    return NARROW if width <= NARROW else BLOCK


WORDS = {"walk": WALK, "total": TOTAL, "across": ACROSS, "close": CLOSE}
"""The words of an item of each kernel."""


def parts(program: Program) -> Iterator[str]:
    """Name the kernels that a pass needs, in their order: nothing is stored before what is summed has been read."""
    if program.across:
        yield from ("across", "close")
    if program.totals:
        yield "total"
    if program.stores or program.within or counts_by_itself(program):
        yield "walk"


def unrolled(program: Program) -> int:
    """Choose how many lines are under way where a program sums across them."""
    read = {symbol.name for symbol in symbols(*(node.operands[0] for node in program.across.values()))}
    wide = {name for name in read & {*program.tensors} if program.scope(name) != ALONG_LINES[program.domain]}
    return 4 if len(wide) <= FEW else 2


def warps_of(part: str, columns: int, program: Program) -> int:
    """Choose how many warps share the tiles of a kernel: sums of narrow lines have enough with one."""
    is_crowded = len(program.totals) >= SEVERAL or program.domain != "element"
    if part == "total" and columns == BLOCK and is_crowded:
        return 2 * WARPS[part]
    return WARPS[part] if columns == BLOCK or part == "walk" else 1


class Work:
    """The items of one pass over some parameters."""

    def __init__(self, program: Program, counts: Sequence[Counts]) -> None:
        self.program = program
        self.counts = [lines(each, program.domain) for each in counts]
        """How many matrices, lines of each, and elements of a line: what the pass goes over."""
        self.pieces = pieces(counts, program)

    def items(self, part: str, rows: Iterable[int]) -> np.ndarray:
        """Give what a kernel goes over of some parameters, as a table."""
        found = [*getattr(self, part)(rows)]
        return np.array(found, np.int64).reshape(-1, len(WORDS[part]))

    def walk(self, rows: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Cut what needs no order among lines; nor among elements, where nothing is summed along a line."""
        for row in rows:
            matrices, height, width = self.counts[row]
            together = TILE // columns_of(width)
            span = width if self.program.within else SPAN
            for first in range(0, matrices * height, together):
                count = min(together, matrices * height - first)
                for start in range(0, width, span):
                    yield row, first, count, start, min(start + span, width)

    def total(self, rows: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Cut what is summed as a whole: a sum for each piece."""
        wanted = set(rows)
        for place, piece in enumerate(self.pieces):
            if piece.row in wanted:
                yield piece.row, piece.first, piece.length, place

    def across(self, rows: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Cut what is summed across lines: a sum for each column of each matrix in each piece."""
        wanted = set(rows)
        for piece in self.pieces:
            if piece.row not in wanted:
                continue
            for first, count, partial in _matrices(piece):
                for start in range(0, piece.width, columns_of(piece.width)):
                    yield piece.row, first, count, start, partial

    def close(self, rows: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """List the columns whose sums are brought together: of a matrix in several pieces, or of each in one."""
        wanted = set(rows)
        for piece in self.pieces:
            if piece.row not in wanted or not piece.done:
                continue
            matrix = piece.first // piece.height
            parts = (piece.partial - piece.into) // piece.width + 1
            for own in range(piece.done):
                into = piece.into + own * piece.width
                for start in range(0, piece.width, columns_of(piece.width)):
                    yield piece.row, start, into, parts, (matrix + own) * piece.width


def _matrices(piece: Piece) -> Iterator[tuple[int, int, int]]:
    """Split a piece where another matrix begins."""
    first, partial, last = piece.first, piece.partial, piece.first + piece.length
    while first < last:
        count = min(piece.height - first % piece.height, last - first)
        yield first, count, partial
        first, partial = first + count, partial + piece.width
