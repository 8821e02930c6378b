"""The tables of one call, in the device's memory: which tensors, where, how long, and in which pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...formula.tracing.program import Program
from .settings import WORD

if TYPE_CHECKING:
    from .kernel import Kernel


class Tables:
    """Everything that a program's functions are called with, but for what changes from step to step."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        rows: Sequence[Sequence[int]],
        lengths: Sequence[int],
        device: torch.device,
    ) -> None:
        """Each row has all words but the last two, which follow from the lengths."""
        self.kernel, self.device = kernel, device
        self.lengths = np.array(lengths, np.int64)
        # What counts the steps of a parameter is its first chunk, if it has no elements, too.
        self.counts = np.maximum(-(-self.lengths // kernel.piece), 1)
        starts = np.cumsum(self.counts) - self.counts
        words = [[*row, start, length] for row, start, length in zip(rows, starts, lengths, strict=True)]
        table = np.array(words, np.int64).reshape(-1, kernel.layout.width)
        self.is_aligned = (table[:, : len(kernel.layout.tensors)] % WORD == 0).all(axis=1)
        """For each row, whether all its tensors but the gradient start at a multiple of a word."""
        self.count = len(rows)
        self.rows = placed(table, device)
        self.numbers = empty(self.count, len(program.numbers), device)
        self.sums = empty(int(self.counts.sum()), len(program.totals), device)
        self.are_whole = bool((self.counts == 1).all())
        """True if no tensor is cut: the sums of pieces are those of tensors."""
        self.totals = self.sums if self.are_whole else empty(self.count, len(program.totals), device)
        self.whole, self.rest = (placed(np.zeros((0, 2), np.int32), device) for _ in range(2))
        """The chunks that are aligned, and those that are not."""

    def cut(self, is_aligned: Any) -> None:
        """Cut all tensors into pieces: those that start at words and are multiples of them, and the rest."""
        pieces = chunks(self.counts)
        row, first = pieces[:, 0], pieces[:, 1].astype(np.int64) * self.kernel.piece
        length = np.minimum(self.lengths[row] - first, self.kernel.piece)
        is_whole = (self.is_aligned & is_aligned)[row] & (length % self.kernel.granule == 0)
        self.whole, self.rest = placed(pieces[is_whole], self.device), placed(pieces[~is_whole], self.device)

    @property
    def all(self) -> Iterator[Tensor]:
        """Yield the tensors."""
        yield from (self.rows, self.whole, self.rest, self.numbers, self.sums, self.totals)


def chunks(counts: Any) -> Any:
    """Number the pieces: row, and the how manieth of the row."""
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return np.stack([rows, np.arange(len(rows)) - starts[rows]], axis=1).astype(np.int32)


def placed(values: Any, device: torch.device) -> Tensor:
    """Copy a table to the device, once."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def empty(rows: int, columns: int, device: torch.device) -> Tensor:
    """Make a table of float64 that is never without an address."""
    return torch.zeros((max(rows, 1), max(columns, 1)), dtype=torch.float64, device=device)
