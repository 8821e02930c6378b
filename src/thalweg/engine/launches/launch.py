"""One launch: the tables of all tensors that one formula's kernels update, and the calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, compress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...formula.tracing.program import Program
from ..commit import Change
from ..operands import addresses
from ..pieces import chunks
from ..pieces.line_pieces import pieces, room, table
from ..pieces.seams import Seams
from .options import Options
from .row import Row, place_gradients

if TYPE_CHECKING:
    from ..llvm.kernels.kernel import Kernel
    from ..matrices.between_passes import Matrices
    from ..sharded.owned_matrices import OwnedMatrices

ALONE, FOR_ONE_THREAD = 65_536, 16
"""Below so many elements a second thread is a loss; where there is none, the lock is held for 16 times as many."""


class Call:
    """One kernel, and everything that a call of it needs, at addresses that stay from step to step."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        rows: Sequence[Row],
        tables: Mapping[str, Any],
        shared: Mapping[str, Any],
        offset: int,
    ) -> None:
        self.program, self.kernel, self.rows, self.offset = program, kernel, rows, offset
        self.tables, self.shared = tables, shared
        names = *kernel.layout.tensors, *kernel.layout.scalars
        self.table = np.column_stack([*map(self._column, names), *self._ends()])
        self.slots = np.zeros((len(rows), max(len(program.numbers), 1)))
        self.chunks, partial = tables["chunks"], 0
        if program.has_lines:
            self.chunks, partial = table(pieces([row.counts for row in rows if row.counts], program))
        self.partials = room(len(program.along), partial)
        self.sums = np.zeros((len(self.chunks), max(len(program.totals), 1)))
        self.totals = np.zeros((len(rows), max(len(program.totals), 1)))
        self.context = self._context()
        self.address = self.context.ctypes.data

    @property
    def states(self) -> Iterator[Tensor]:
        """All that the kernel has the addresses of, beside parameters and gradients."""
        for row in self.rows:
            for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
                if name in row.state:
                    tensor: Tensor = row.state[name]
                    yield tensor

    def measured(self) -> dict[str, Any]:
        """Give each sum that was taken, for each row."""
        return {name: self.totals[:, place] for place, name in enumerate(self.program.totals)}

    def _column(self, name: str) -> Any:
        """List the addresses of a tensor or number of each parameter; what is no state is in a column of its own."""
        has_own = [name not in self.kernel.layout.scalars or name in row.state for row in self.rows]
        rows, column = list(compress(self.rows, has_own)), np.zeros(len(self.rows), np.int64)
        if len(rows) < len(column):
            shared = self.shared[name]
            column += shared.ctypes.data + shared.strides[0] * np.arange(len(column))
        if rows:
            dtype, device = self.kernel.dtypes[name], rows[0].param.device
            counts = [row.count(name, self.program, dtype) for row in rows]
            column[has_own] = addresses(name, [row.tensor(name) for row in rows], dtype, counts, device)
        return column

    def _ends(self) -> tuple[list[int], list[int]]:
        """List the addresses of each parameter's options, and a word for the kernel's own use."""
        return [row.options + 8 * self.offset for row in self.rows], [0] * len(self.rows)

    def _context(self) -> Any:
        own = {"rows": self.table, "slots": self.slots, "sums": self.sums, "totals": self.totals}
        own |= {"chunks": self.chunks, "partials": self.partials}
        words = {name: column.ctypes.data for name, column in {**self.tables, **own}.items()}
        words |= {"row_count": len(self.rows), "chunk_count": len(self.chunks), "next_chunk": 0}
        words["partial_count"] = self.partials.shape[1]
        words |= self.kernel.externals
        return np.array([words[name] for name in self.kernel.context], np.int64)

    def change(self, is_small: bool) -> Change:
        """Return what computes all of it."""
        if is_small:
            return partial(self.kernel.step_alone, self.address, 1)
        return self.kernel.change(self.address, torch.get_num_threads())


class Launch:
    """The calls for a set of parameters: what is measured of their gradients, then what updates them."""

    is_on_device = is_alone = is_for_one_thread = False

    def __init__(
        self,
        rows: Sequence[Row],
        grads: Sequence[Tensor],
        options: Options,
        updates: Sequence[tuple[Program, Kernel]],
        measure: tuple[Program, Kernel] | None = None,
        matrices: Matrices | OwnedMatrices | None = None,
    ) -> None:
        self.rows, self.options, self.matrices = rows, options, matrices
        self.params = [row.param for row in rows]
        elements, most = sum(row.elements for row in rows), ALONE
        self.is_for_one_thread = most <= elements < FOR_ONE_THREAD * most and torch.get_num_threads() == 1
        self.is_small = elements < most or self.is_for_one_thread
        self.gradients = np.zeros(len(rows), np.int64)
        programs = [program for program, _ in (*updates, *filter(None, [measure]))]
        in_blocks = any(program.totals or program.blocks for program in programs)
        found = chunks.chunks([row.runs for row in rows], in_blocks)
        tables = {"gradients": self.gradients, "chunks": found, "powers": updates[0][1].memory_of_powers()}
        # Apart from tables: a rule may call what it measures as it likes.
        self.shared: dict[str, Any] = {
            # A rule that keeps no count still knows its first step: the one that made its states.
            "step": np.array([0.0 if row.is_fresh else 1.0 for row in rows]),
        } | {name: np.array([row.numbers[name] for row in rows]) for name in shared_numbers(rows)}
        offsets = [0, *accumulate(len(program.options) for program in programs)]
        self.calls: list[Call] = []
        for (program, kernel), offset in zip(updates, offsets, strict=False):
            own = (
                tables | {"chunks": chunks.table(chunks.chunks_of_seams(self.params))}
                if program.finds_seams
                else tables
            )
            self.calls.append(Call(program, kernel, rows, own, self.shared, offset))
            self.shared.update(self.calls[-1].measured())
        self.measure = measure and Call(*measure, rows, tables, self.shared, offsets[len(updates)])
        self.seams: Seams | None = None
        """What is shared of blocks that lie on several processes."""
        self.relaid: list[tuple[Tensor, Tensor]] = []
        self.find_gradients(grads)

    @property
    def sums_before(self) -> int:
        """Count the passes before the last one that take sums, or have nothing to do with blocks on other processes."""
        return sum(not call.program.finds_seams for call in self.calls) - 1

    @property
    def is_plain(self) -> bool:
        """True if kernels alone update everything, one after the other, and nothing else is to be known."""
        return self.is_of_kernels and not self.measure

    @property
    def is_of_kernels(self) -> bool:
        """True if kernels alone change everything, one after the other."""
        return not (self.matrices or self.seams)

    @property
    def functions(self) -> list[tuple[int, int]]:
        """The functions of its kernels, in their order, and what each is called with."""
        return [(call.kernel.address, call.address) for call in self.calls]

    @property
    def states(self) -> list[Tensor]:
        """All that the kernels have the addresses of, beside parameters and gradients."""
        calls = [*self.calls, *([self.measure] if self.measure else [])]
        return list({id(tensor): tensor for call in calls for tensor in call.states}.values())

    def find_gradients(self, grads: Sequence[Tensor]) -> None:
        """Note where the gradients are now; one that lies unlike its parameter is copied for the next step."""
        self.relaid = []
        self.gradients[:] = place_gradients(self.params, grads, self.relaid)

    def look_at_gradients(self) -> Any:
        """Take the sum of the squares of each gradient, and what the class wants to know besides, by name."""
        assert self.measure is not None
        self._lay_out()
        self.measure.change(self.is_small)()
        return self.measure.measured()

    def measured(self) -> dict[str, Any]:
        """Give what the last call has measured on its way, for each row."""
        return self.calls[-1].measured()

    @property
    def needs_python(self) -> bool:
        """True if machine code alone does not do it."""
        return self.matrices is not None or not self.calls[0].kernel.is_machine_code

    def prepare(self, stage: int) -> dict[str, Any]:
        """Run a pass that only prepares the last one; give the sums that it has taken, for each row."""
        if not stage:
            self._lay_out()
        call = self.calls[stage]
        call.change(self.is_small)()
        if self.matrices:
            self.matrices.make(call.program)
        return call.measured()

    def stages(self, is_left_out: bool = False, is_prepared: bool = False) -> list[list[Change]]:
        """Give what updates all of it, once gradients are laid out; what is to be left out does not come here.

        Where something must be waited for, a stage ends: meanwhile other launches have their turn.
        """
        self._lay_out()
        stages: list[list[Change]] = [[]]
        for call in self.calls[-1:] if is_prepared else self.calls:
            stages[-1].append(call.change(self.is_small))
            for place, change in enumerate(self.matrices.changes(call.program) if self.matrices else ()):
                if place:
                    stages.append([])
                stages[-1].append(change)
        return stages

    def done(self) -> None:
        """Keep nothing alive that zero_grad frees."""
        self.relaid = []

    def _lay_out(self) -> None:
        for place, grad in self.relaid:
            place.copy_(grad)


def in_turn(launches: Sequence[Sequence[Sequence[Change]]]) -> Iterator[Change]:
    """Let launches take turns: all have their first stage before any has its second, so that nobody waits idly."""
    for stage in range(max(map(len, launches), default=0)):
        for launch in launches:
            yield from launch[stage] if stage < len(launch) else ()


def shared_numbers(rows: Sequence[Row]) -> list[str]:
    """Name what is known of all parameters: sizes only of as many dimensions as each has."""
    kinds = {tuple(row.numbers) for row in rows}
    return [name for name in rows[0].numbers if all(name in names for names in kinds)]
