"""One launch: the tables of all tensors that one formula's kernels update, and the calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..formula.expr import BLOCK
from ..formula.passes import Program
from ..state.layout import lie_alike
from .matrices import Matrices
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
    numbers: dict[str, float]
    """What formulas may ask of it."""
    work: dict[str, Tensor]
    """The tensors that wait between two passes for what a function of whole matrices makes of them."""

    @property
    def elements(self) -> int:
        """The number of its real numbers."""
        return int(self.numbers["numel"])

    @property
    def tensors(self) -> dict[str, Any]:
        """All but the gradient, by name."""
        return {"param": self.param} | self.state | self.work


class Call:
    """One kernel, and everything that a call of it needs, at addresses that stay from step to step."""

    def __init__(
        self, program: Program, kernel: Kernel, rows: Sequence[Row], shared: Mapping[str, Any], offset: int
    ) -> None:
        self.program, self.kernel, self.rows, self.shared, self.offset = program, kernel, rows, shared, offset
        self.table = np.array([self._words(index, row) for index, row in enumerate(rows)], np.int64)
        self.slots = np.zeros((len(rows), max(len(program.numbers), 1)))
        self.sums = np.zeros((len(shared["chunks"]), max(len(program.totals), 1)))
        self.totals = np.zeros((len(rows), max(len(program.totals), 1)))
        self.context = self._context()
        self.address = self.context.ctypes.data

    @property
    def states(self) -> Iterator[Tensor]:
        """All that the kernel has the addresses of, beside parameters and gradients."""
        for row in self.rows:
            for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
                if name in row.state:
                    yield row.state[name]

    def measured(self) -> dict[str, Any]:
        """Give each sum that was taken, for each row."""
        return {name: self.totals[:, place] for place, name in enumerate(self.program.totals)}

    def _words(self, index: int, row: Row) -> list[int]:
        """List the addresses of a parameter's tensors, numbers and options, as the kernel's layout has them."""
        layout = self.kernel.layout
        tensors = row.tensors
        words = [tensors[name].data_ptr() for name in layout.tensors]
        for name in layout.scalars:
            hidden = self.shared.get(name)
            words.append(tensors[name].data_ptr() if name in tensors else _address(hidden, index))
        return [*words, row.options + 8 * self.offset, 0]

    def _context(self) -> Any:
        tables = {"rows": self.table, "slots": self.slots, "sums": self.sums, "totals": self.totals}
        tables |= {name: self.shared[name] for name in ("gradients", "chunks")}
        words = {name: table.ctypes.data for name, table in tables.items()}
        words |= {"row_count": len(self.rows), "chunk_count": len(self.shared["chunks"]), "next_chunk": 0}
        words |= self.kernel.externals
        return np.array([words[name] for name in self.kernel.context], np.int64)

    def run(self, is_small: bool) -> None:
        """Compute all of it."""
        if is_small:
            self.kernel.step(self.address, 1)
        else:
            self.kernel.run(self.address, torch.get_num_threads())


def _address(column: Any, index: int) -> int:
    """Return where a row's number stands; the column may be one of a table."""
    return int(column[index:].ctypes.data)


class Launch:
    """The calls for a set of parameters: what is measured of their gradients, then what updates them."""

    is_on_device = False

    def __init__(
        self,
        rows: Sequence[Row],
        options: Options,
        updates: Sequence[tuple[Program, Kernel]],
        measure: tuple[Program, Kernel] | None = None,
        matrices: Matrices | None = None,
    ) -> None:
        self.rows, self.options, self.matrices = rows, options, matrices
        self.params = [row.param for row in rows]
        lengths = [row.elements for row in rows]
        self.is_small = sum(lengths) < ALONE
        self.gradients = np.zeros(len(rows), np.int64)
        programs = [program for program, _ in (*updates, *filter(None, [measure]))]
        in_blocks = any(program.totals or program.blocks for program in programs)
        self.shared: dict[str, Any] = {
            "gradients": self.gradients,
            "chunks": np.array([*_chunks(lengths, in_blocks)], np.int64).reshape(-1, 3),
            # A rule that keeps no count still knows its first step: the one that made its states.
            "step": np.array([0.0 if row.is_fresh else 1.0 for row in rows]),
        } | {name: np.array([row.numbers[name] for row in rows]) for name in rows[0].numbers}
        offsets = [0, *accumulate(len(program.options) for program in programs)]
        self.calls: list[Call] = []
        for (program, kernel), offset in zip(updates, offsets, strict=False):
            self.calls.append(Call(program, kernel, rows, self.shared, offset))
            self.shared.update(self.calls[-1].measured())
        self.measure = measure and Call(*measure, rows, self.shared, offsets[len(updates)])
        self.relaid: list[tuple[Tensor, Tensor]] = []
        self.find_gradients()

    @property
    def is_plain(self) -> bool:
        """True if one call updates everything, and nothing else is to be known."""
        return len(self.calls) == 1 and not (self.measure or self.calls[0].program.totals)

    @property
    def call(self) -> tuple[int, int]:
        """The function, and what it is called with, where there is but one."""
        return self.calls[-1].kernel.address, self.calls[-1].address

    @property
    def states(self) -> list[Tensor]:
        """All that the kernels have the addresses of, beside parameters and gradients."""
        calls = [*self.calls, *([self.measure] if self.measure else [])]
        return list({id(tensor): tensor for call in calls for tensor in call.states}.values())

    def find_gradients(self) -> None:
        """Note where the gradients are now; one that lies unlike its parameter is copied for the next step."""
        self.relaid = []
        for index, param in enumerate(self.params):
            self.gradients[index] = place_gradient(param, self.relaid)

    def look_at_gradients(self) -> Any:
        """Take the sum of the squares of each gradient."""
        assert self.measure is not None
        self._lay_out()
        self.measure.run(self.is_small)
        return self.measure.measured()["grad_square"]

    def measured(self) -> dict[str, Any]:
        """Give what the last call has measured on its way, for each row."""
        return self.calls[-1].measured()

    def run(self, is_left_out: bool = False) -> None:
        """Update all of it; what is to be left out does not come here."""
        self._lay_out()
        for call in self.calls:
            call.run(self.is_small)
            if self.matrices:
                self.matrices.make(call.program)
        # What zero_grad frees is not kept alive from here.
        self.relaid = []

    def _lay_out(self) -> None:
        for place, grad in self.relaid:
            place.copy_(grad)


def place_gradient(param: Tensor, relaid: list[tuple[Tensor, Tensor]]) -> int:
    """Return the address of a gradient, or of the place where a copy will lie like its parameter."""
    assert param.grad is not None
    if lie_alike(param, param.grad):
        return param.grad.data_ptr()
    place = torch.empty_like(param, memory_format=torch.preserve_format)
    relaid.append((place, param.grad))
    return place.data_ptr()


def _chunks(lengths: Sequence[int], in_blocks: bool) -> Iterator[tuple[int, int, int]]:
    """Cut all tensors into pieces: row, first element, length.

    Where blocks are looked at, pieces are whole blocks, and always as long: sums are taken in an order of their own.
    """
    least, most = CHUNK_LENGTHS
    size = min(max(sum(lengths) // PIECES // least * least, least), most)
    size = -(-least // BLOCK) * BLOCK if in_blocks else size
    for row, length in enumerate(lengths):
        for first in range(0, length, size):
            yield row, first, min(size, length - first)
