"""The tables of one call, in the device's memory: which tensors, where, how long, and in which pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...formula.passes import Program

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
        counts = -(-np.array(lengths, np.int64) // kernel.piece)
        starts = np.cumsum(counts) - counts
        words = [[*row, start, length] for row, start, length in zip(rows, starts, lengths, strict=True)]
        self.count = len(rows)
        self.rows = placed(np.array(words, np.int64).reshape(-1, kernel.layout.width), device)
        self.chunks = placed(chunks(counts, starts), device)
        self.numbers = empty(self.count, len(program.numbers), device)
        self.sums = empty(len(self.chunks), len(program.totals), device)
        self.totals = empty(self.count, len(program.totals), device)

    @property
    def all(self) -> Iterator[Tensor]:
        """Yield the tensors."""
        yield from (self.rows, self.chunks, self.numbers, self.sums, self.totals)


def chunks(counts: Any, starts: Any) -> Any:
    """Cut all tensors into pieces: row, and the how manieth of the row."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return np.stack([rows, np.arange(len(rows)) - starts[rows]], axis=1).astype(np.int32)


def placed(values: Any, device: torch.device) -> Tensor:
    """Copy a table to the device, once."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def empty(rows: int, columns: int, device: torch.device) -> Tensor:
    """Make a table of float64 that is never without an address."""
    return torch.zeros((max(rows, 1), max(columns, 1)), dtype=torch.float64, device=device)
