"""The work of a launch, cut into pieces for threads: which ones depends on sizes and places alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ...distributed.shards import Run
from ...formula.graph.places import BLOCK
from .seams import pieces

PIECES = 64
"""Into so many pieces the work is cut, to be shared out evenly."""

CHUNK_LENGTHS = (32_768, 262_144)
"""Elements of a piece, at least and at most: smaller ones wander between the cores' caches, larger ones end apart."""


class Chunk(NamedTuple):
    """A piece of one tensor, small enough to share out among threads."""

    row: int
    """Whose it is."""
    first: int
    """Its first element."""
    length: int
    """How many there are."""
    place: int
    """Where the first stands in the whole tensor: random bits, and blocks, go by that."""
    block: int
    """Which of the blocks that are here the first is of."""


def table(found: Iterator[Chunk]) -> Any:
    """Give pieces as a table."""
    return np.array([*found], np.int64).reshape(-1, len(Chunk._fields))


def chunks(rows: Sequence[Sequence[Run]], in_blocks: bool) -> Iterator[Chunk]:
    """Cut all tensors into pieces.

    Where blocks are looked at, pieces are whole blocks, and always as long: sums are taken in an order of their own.
    """
    least, most = CHUNK_LENGTHS
    total = sum(run.length for runs in rows for run in runs)
    size = min(max(total // PIECES // least * least, least), most)
    size = -(-least // BLOCK) * BLOCK if in_blocks else size
    for row, runs in enumerate(rows):
        block = 0
        for run in runs:
            yield from _pieces(row, run, block, size)
            block += (run.place + run.length - 1) // BLOCK - run.place // BLOCK + 1


def chunks_of_seams(params: Sequence[Tensor]) -> Iterator[Chunk]:
    """Cut out the blocks of which other processes have a part."""
    for row, run, index in pieces(params):
        yield Chunk(row, run.first, run.length, run.place, index)


def _pieces(row: int, run: Run, block: int, size: int) -> Iterator[Chunk]:
    """Cut a run where pieces of the whole tensor begin; its first block is one that its row has."""
    done = 0
    while done < run.length:
        place = run.place + done
        length = min(size - place % size, run.length - done)
        yield Chunk(row, run.first + done, length, place, block + place // BLOCK - run.place // BLOCK)
        done += length
