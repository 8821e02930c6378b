"""The tables of one call, in the device's memory: which tensors, where, how long, and in which chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ....formula.graph.places import BLOCK
from ....formula.tracing.program import Program
from ...pieces.chunks import Chunk
from ..kernels.settings import UNIT, WORD

if TYPE_CHECKING:
    from ..kernels.kernel import Kernel


class Tables:
    """Everything that a program's functions are called with, but for what changes from step to step."""

    def __init__(
        self, program: Program, kernel: Kernel, rows: Sequence[Sequence[int]], chunks: Any, device: torch.device
    ) -> None:
        """Each row has all words but the last two, which follow from the chunks: these come in the order of rows."""
        self.kernel, self.device, self.chunks = kernel, device, chunks
        counts = np.bincount(chunks[:, 0], minlength=len(rows))
        starts = np.cumsum(counts) - counts
        words = [[*row, start, count] for row, start, count in zip(rows, starts, counts, strict=True)]
        table = np.array(words, np.int64).reshape(-1, kernel.layout.width)
        self.is_aligned = (table[:, : len(kernel.layout.tensors)] % WORD == 0).all(axis=1)
        """For each row, whether all its tensors but the gradient start at a multiple of a word."""
        self.count = len(rows)
        self.rows = placed(table, device)
        self.numbers = empty(self.count, len(program.numbers), device)
        self.sums = empty(len(chunks), len(program.totals), device)
        self.are_whole = bool((counts == 1).all())
        """True if no tensor is cut: the sums of pieces are those of tensors."""
        self.totals = self.sums if self.are_whole else empty(self.count, len(program.totals), device)
        self.whole, self.rest = (placed(np.zeros((0, 2), np.int32), device) for _ in range(2))
        """The chunks that are aligned, and those that are not."""

    def cut(self, is_aligned: Any) -> None:
        """Part the chunks: those that start at words and are multiples of them, in whole blocks, and the rest."""
        row, first, length, place, _ = self.chunks.T
        begins_well = (first % UNIT == 0) & (place % BLOCK == 0)
        is_whole = (self.is_aligned & is_aligned)[row] & begins_well & (length % self.kernel.granule == 0)
        words = self._words()
        self.whole, self.rest = placed(words[is_whole], self.device), placed(words[~is_whole], self.device)

    def _words(self) -> Any:
        """Give of each chunk what the kernel is told, and the place of its sums, if it takes any."""
        columns = dict(zip(Chunk._fields, self.chunks.T, strict=True))
        columns |= {"unit": columns["first"] // UNIT, "rest": columns["first"] % UNIT}
        columns["number"] = np.arange(len(self.chunks))
        return np.stack([columns[name] for name in self.kernel.chunk_words], axis=1).astype(np.int32)

    @property
    def all(self) -> Iterator[Tensor]:
        """Yield the tensors."""
        yield from (self.rows, self.whole, self.rest, self.numbers, self.sums, self.totals)


def placed(values: Any, device: torch.device) -> Tensor:
    """Copy a table to the device, once."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def empty(rows: int, columns: int, device: torch.device) -> Tensor:
    """Make a table of float64 that is never without an address."""
    return torch.zeros((max(rows, 1), max(columns, 1)), dtype=torch.float64, device=device)
