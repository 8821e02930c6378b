"""One launch: the tables of all tensors that one kernel updates, and the call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..formula.passes import Program
from ..state.layout import lie_alike
from .options import Options

if TYPE_CHECKING:
    from .llvm.kernel import Kernel

PIECES = 64
"""Into so many pieces the work is cut, to be shared out evenly."""

CHUNK_LENGTHS = (32_768, 262_144)
"""Elements of a piece, at least and at most: smaller ones wander between the cores' caches, larger ones end apart."""

ALONE = 65_536
"""Below so many elements in all, waking a second thread costs more than it saves."""


@dataclass(frozen=True)
class Row:
    """A parameter in a launch: its tensors, and whether this is its first step."""

    param: Tensor
    state: dict[str, Any]
    options: int
    """The address of its group's numbers."""
    is_fresh: bool


class Launch:
    """Everything that one call needs, at addresses that stay from step to step."""

    def __init__(self, kernel: Kernel, program: Program, rows: Sequence[Row], options: Options) -> None:
        self.kernel = kernel
        self.rows = rows
        self.options = options
        self.params = [row.param for row in rows]
        lengths = [param.numel() * (2 if param.is_complex() else 1) for param in self.params]
        self.is_small = sum(lengths) < ALONE
        # A rule that keeps no count still knows its first step: the one that made its states.
        self.counts = np.array([0.0 if row.is_fresh else 1.0 for row in rows])
        self.table = np.array([self._words(index, program) for index in range(len(rows))], np.int64)
        self.gradients = np.zeros(len(rows), np.int64)
        self.chunks = np.array([*_chunks(lengths)], np.int64).reshape(-1, 3)
        self.slots = np.zeros((len(rows), max(len(program.numbers), 1)))
        self.context = self._context()
        self.address = self.context.ctypes.data
        self.call = (kernel.address, self.address)
        self.relaid: list[tuple[Tensor, Tensor]] = []
        self.find_gradients()

    @property
    def states(self) -> list[Tensor]:
        """All that the kernel has the addresses of, beside parameters and gradients."""
        layout = self.kernel.layout
        names = [name for name in (*layout.tensors, *layout.scalars) if name in self.rows[0].state]
        return [row.state[name] for row in self.rows for name in names]

    def _words(self, index: int, program: Program) -> list[int]:
        """List the addresses of a parameter's tensors, numbers and options, as the kernel's layout has them."""
        row, layout = self.rows[index], self.kernel.layout
        tensors = {"param": row.param} | row.state
        words = [tensors[name].data_ptr() for name in layout.tensors]
        hidden = self.counts.ctypes.data + self.counts.itemsize * index
        words += [tensors[name].data_ptr() if name in tensors else hidden for name in layout.scalars]
        return [*words, row.options, 0]

    def _context(self) -> Any:
        tables = {"rows": self.table, "gradients": self.gradients, "chunks": self.chunks, "slots": self.slots}
        words = {name: table.ctypes.data for name, table in tables.items()}
        words |= {"row_count": len(self.rows), "chunk_count": len(self.chunks), "next_chunk": 0}
        words |= self.kernel.externals
        return np.array([words[name] for name in self.kernel.context], np.int64)

    def find_gradients(self) -> None:
        """Note where the gradients are now; one that lies unlike its parameter is copied for the next step."""
        self.relaid = []
        for index, param in enumerate(self.params):
            assert param.grad is not None
            grad = place = param.grad
            if not lie_alike(param, grad):
                place = torch.empty_like(param, memory_format=torch.preserve_format)
                self.relaid.append((place, grad))
            self.gradients[index] = place.data_ptr()

    def run(self) -> None:
        """Update all of it."""
        for place, grad in self.relaid:
            place.copy_(grad)
        if self.is_small:
            self.kernel.step(self.address, 1)
        else:
            self.kernel.run(self.address, torch.get_num_threads())
        # What zero_grad frees is not kept alive from here.
        self.relaid = []


def _chunks(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Cut all tensors into pieces: row, first element, length."""
    least, most = CHUNK_LENGTHS
    size = min(max(sum(lengths) // PIECES // least * least, least), most)
    for row, length in enumerate(lengths):
        for first in range(0, length, size):
            yield row, first, min(size, length - first)
