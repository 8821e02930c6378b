"""How rows and columns are cut into pieces for threads, and where their numbers wait between passes.

A piece is some whole matrices, or some rows of one: which ones depends on sizes alone, and so does the order of sums.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...formula.graph.expr import Scope
from ...formula.tracing.program import Program
from .workspace import Workspace

LEAST = 32_768
"""Elements of a piece, at least: below that, handing it out takes longer than its work."""

WORD = 16
"""Vectors start at multiples of so many numbers: whatever the sizes before them, they are read in wide words."""

MOST = 16
"""Pieces of one matrix, at most: each has sums of all its columns, which are added up at the end."""


class Piece(NamedTuple):
    """A piece of the work, in the words that kernels read."""

    row: int
    """The parameter's place in its launch."""
    first: int
    """The first line."""
    length: int
    """How many lines."""
    width: int
    """Elements of a line."""
    height: int
    """Lines of a matrix."""
    partial: int
    """Where its sums of columns stand."""
    into: int
    """Where those of its matrix do, to which they are added."""
    done: int
    """How many matrices are then complete."""


Counts = tuple[int, int, int]
"""How many matrices, rows of each, and columns of each."""


def size(counts: Counts, scope: Scope) -> int:
    """Count the numbers of a tensor or vector."""
    matrices, rows, columns = counts
    return {"element": matrices * rows * columns, "row": matrices * rows, "column": matrices * columns}.get(
        scope, matrices
    )


def lines(counts: Counts, domain: Scope) -> Counts:
    """See what a pass goes over as matrices; rows, as numbers, are matrices of one line each, and so are columns."""
    matrices, rows, columns = counts
    return counts if domain == "element" else (matrices, 1, rows if domain == "row" else columns)


def pieces(parameters: Sequence[Counts], program: Program) -> list[Piece]:
    """Cut the work of a pass into pieces: into any number of them, where they keep no sums of columns."""
    most = MOST if program.across else sys.maxsize
    found: list[Piece] = []
    partial = 0
    for row, counts in enumerate(parameters):
        for piece in _pieces(row, *lines(counts, program.domain), partial, most):
            found.append(piece)
            partial = piece.partial + _matrices(piece) * piece.width
    return found


def _matrices(piece: Piece) -> int:
    return -(-piece.length // piece.height)


def _pieces(row: int, matrices: int, height: int, width: int, partial: int, most: int) -> Iterator[Piece]:
    together = max(LEAST // max(height * width, 1), 1)
    length = height if height * width <= LEAST else max(-(-height // most), -(-LEAST // width))
    for first in range(0, matrices, together):
        count = min(together, matrices - first)
        if length == height:
            yield Piece(row, first * height, count * height, width, height, partial, partial, count)
            partial += count * width
            continue
        into = partial
        for start in range(0, height, length):
            some = min(length, height - start)
            is_last = start + some == height
            yield Piece(row, first * height + start, some, width, height, partial, into, int(is_last))
            partial += width


def table(found: Sequence[Piece]) -> tuple[np.ndarray, int]:
    """Give the pieces as a table, and the numbers that sums of columns take."""
    total = max((piece.partial + _matrices(piece) * piece.width for piece in found), default=0)
    return np.array(found, np.int64).reshape(-1, len(Piece._fields)), total


def room(sums: int, count: int) -> np.ndarray:
    """Make room for sums of columns: where a line of the cache begins, as across two lines they take twice as long."""
    return torch.zeros((sums, count), dtype=torch.float64, device="cpu").numpy()


class Vectors:
    """The memory of what waits between the passes of one launch, for each row, column or matrix."""

    def __init__(self, program: Program, parameters: Sequence[Counts], space: Workspace, like: Tensor) -> None:
        dtype = torch.float64 if like.dtype is torch.float64 else torch.float32
        self.pieces: list[dict[str, Tensor]] = [{} for _ in parameters]
        for name, scope in program.vectors.items():
            sizes = [size(counts, scope) for counts in parameters]
            rooms = [-(-each // WORD) * WORD for each in sizes]
            parts = torch.split(space.take(name, sum(rooms), dtype, like.device), rooms)
            for own, part, each in zip(self.pieces, parts, sizes, strict=True):
                own[name] = part[:each]

    def of(self, index: int) -> dict[str, Tensor]:
        """Give the vectors of one parameter, by name."""
        return self.pieces[index]
