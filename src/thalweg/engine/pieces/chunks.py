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


def chunks(rows: Sequence[Sequence[Run]], in_blocks: bool) -> Any:
    """Cut all tensors into pieces for threads; what has no elements has none.

    Where blocks are looked at, pieces are whole blocks, and always as long: sums are taken in an order of their own.
    """
    least, most = CHUNK_LENGTHS
    total = sum(run.length for runs in rows for run in runs)
    size = min(max(total // PIECES // least * least, least), most)
    found = cut(rows, -(-least // BLOCK) * BLOCK if in_blocks else size)
    return found[found[:, Chunk._fields.index("length")] > 0]


def cut(rows: Sequence[Sequence[Run]], size: int) -> Any:
    """Cut all runs where pieces of the whole tensor begin, and give a table of chunks; an empty run is one, too."""
    runs = np.array([(row, *run) for row, own in enumerate(rows) for run in own], np.int64).reshape(-1, 4)
    counts = np.maximum(_touched(runs, size), 1)
    row, place, first, length, block = (np.repeat(column, counts) for column in (*runs.T, _first_blocks(runs)))
    piece = place // size + np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    start, end = np.maximum(piece * size, place), np.minimum((piece + 1) * size, place + length)
    return np.stack([row, first + start - place, end - start, start, block + start // BLOCK - place // BLOCK], axis=1)


def chunks_of_seams(params: Sequence[Tensor]) -> Iterator[Chunk]:
    """Cut out the blocks of which other processes have a part."""
    for row, run, index in pieces(params):
        yield Chunk(row, run.first, run.length, run.place, index)


def _touched(runs: Any, size: int) -> Any:
    """Count the pieces of the whole tensor, of some size, of which each run has a part."""
    _, place, _, length = runs.T
    return (place + length - 1) // size - place // size + 1


def _first_blocks(runs: Any) -> Any:
    """Number the first block of each run among those of its row; each run has blocks of its own."""
    counts = _touched(runs, BLOCK)
    before = np.cumsum(counts) - counts
    return before - before[np.searchsorted(runs[:, 0], runs[:, 0])]
