"""One launch on a device: the tables of all tensors that one formula's kernels update, and the calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ....formula.tracing.program import Program
from ...commit import Change
from ...launches.launch import shared_numbers
from ...launches.row import Row, place_gradients
from ..available import quiet
from ..device import device as devices
from ..device.cuda_driver import DriverLaunch
from ..device.readers import Readers
from ..device.repetition import Repetition
from ..device.transfer import Mirror
from ..kernels.given import GivenNumbers
from ..kernels.kernel import Kernel
from ..kernels.settings import WORD
from .device_call import DeviceCall
from .device_options import DeviceOptions
from .line_call import LineCall

if TYPE_CHECKING:
    from ...matrices.between_passes import Matrices
    from ...pieces.seams import Seams


class DeviceLaunch:
    """The calls for a set of parameters: what is measured of their gradients, then what updates them."""

    is_small = is_for_one_thread = is_plain = is_of_kernels = False
    is_on_device = needs_python = True

    def __init__(
        self,
        rows: Sequence[Row],
        grads: Sequence[Tensor],
        options: DeviceOptions,
        updates: Sequence[tuple[Program, Kernel]],
        measure: tuple[Program, Kernel] | None = None,
        matrices: Matrices | None = None,
    ) -> None:
        self.rows, self.options, self.matrices = rows, options, matrices
        self.params = [row.param for row in rows]
        self.device = self.params[0].device
        self._gather_numbers(updates[-1][0])
        programs = [program for program, _ in (*updates, *filter(None, [measure]))]
        places = [options.place(row.options) for row in rows]
        offsets = [0, *accumulate(len(program.options) for program in programs)]
        self.calls: list[DeviceCall] = []
        for (program, kernel), offset in zip(updates, offsets, strict=False):
            own = [place + offset for place in places]
            kind = LineCall if program.has_lines else DeviceCall
            self.calls.append(kind(program, kernel, rows, self.shared, own))
            self.shared |= self.calls[-1].measured()
        own = [place + offsets[len(updates)] for place in places]
        self.measure = measure and DeviceCall(*measure, rows, self.shared, own)
        self._share_with_the_device()
        self.seams: Seams | None = None
        """What is shared of blocks that lie on several processes."""
        self.relaid: list[tuple[Tensor, Tensor]] = []
        self.is_sent = False
        """True between two runs of one step."""
        self.is_aligned: Any = None
        """For each row, whether its gradient starts at a multiple of a word; None before anything is bound."""
        self.places = b""
        """Where the gradients were when that was last looked at."""
        self.readers = Readers(self.device)
        self.repetition = Repetition(self.device)
        self.find_gradients(grads)
        self._bind()

    def _gather_numbers(self, program: Program) -> None:
        """Have all that is one number a parameter on the device."""
        for row in self.rows:
            move_numbers(row.state, {*program.scalars, "step"}, self.device)
        columns = {
            # A rule that keeps no count still knows its first step: the one that made its states.
            "step": [0.0 if row.is_fresh else 1.0 for row in self.rows],
        } | {name: [row.numbers[name] for row in self.rows] for name in shared_numbers(self.rows)}
        self.shared = {
            name: torch.tensor(column, dtype=torch.float64, device=self.device) for name, column in columns.items()
        }
        self.never = torch.zeros(1, dtype=torch.float32, device=self.device)
        """What a scaler's `found_inf` is where there is no scaler."""
        self.always = torch.ones(1, dtype=torch.float32, device=self.device)
        """What it is where a step is left out."""

    @property
    def sums_before(self) -> int:
        """Count the passes before the last one that take sums, or have nothing to do with blocks on other processes."""
        return sum(not call.program.finds_seams for call in self.calls) - 1

    @property
    def states(self) -> list[Tensor]:
        """All that the kernels have the addresses of, beside parameters and gradients."""
        return list({id(tensor): tensor for call in self._all_calls for tensor in call.states}.values())

    @property
    def _all_calls(self) -> list[DeviceCall]:
        return [*self.calls, *([self.measure] if self.measure else [])]

    @property
    def _given(self) -> list[GivenNumbers]:
        """The numbers that the host computes, of each call that has any."""
        return [call.given for call in self._all_calls if call.given]

    def _share_with_the_device(self) -> None:
        """Let gradients' addresses, options and the host's numbers be one piece of memory, sent in one copy."""
        tables = [self.options.table, *(item.table for item in self._given)]
        # Each starts at a multiple of 16 bytes, so that one compiled kernel serves any count.
        ends = [*accumulate(size + size % 2 for size in (len(self.rows), *(table.size for table in tables)))]
        self.mirror = Mirror(ends[-1], self.device)
        self.gradients = self.mirror.host[: len(self.rows)]
        self.options.table, *given = map(self._shared, tables, ends)
        self.on_device = [self.mirror.table[: len(self.rows)], *map(self._mirrored, tables, ends)]
        for item, table in zip(self._given, given, strict=True):
            item.table = table
        self.filled: bytes | None = None
        """The options that the host's numbers were computed from."""

    def _shared(self, table: Any, start: int) -> Any:
        """Move a table into the memory that is sent."""
        shared = self.mirror.host[start : start + table.size].view(np.float64).reshape(table.shape)
        shared[:] = table
        return shared

    def _mirrored(self, table: Any, start: int) -> Tensor:
        """Find a table in the memory that is received."""
        return self.mirror.table[start : start + table.size].view(torch.float64).view(table.shape)

    def _bind(self) -> None:
        """Prepare all launches for where the gradients are now."""
        is_aligned = self.gradients % WORD == 0
        # What is interrupted, or cannot be compiled, is not taken for done.
        self.is_aligned, self.are_all_aligned = None, False
        self.repetition.forget()
        self.readers.begin_anew()
        gradients, options, *tables = self.on_device
        given = iter(tables)
        for call in self._all_calls:
            call.bind(gradients, options, next(given) if call.given else None, is_aligned)
        self._try_out()
        self.is_aligned, self.are_all_aligned = is_aligned, bool(is_aligned.all())

    def _try_out(self) -> None:
        """Have the device take each new kernel before anything changes; a graph would keep what is tried."""
        if not devices.is_capturing():
            with devices.current(self.device):
                for call in self._all_calls:
                    call.try_out(self.always)

    def find_gradients(self, grads: Sequence[Tensor]) -> None:
        """Note where the gradients are now; one that lies unlike its parameter is copied for the next step."""
        self.relaid = []
        self.gradients[:] = place_gradients(self.params, grads, self.relaid)

    def look_at_gradients(self) -> dict[str, Tensor]:
        """Take the sum of the squares of each gradient, and what else is wanted; it is not waited for."""
        assert self.measure is not None
        self.is_sent = False
        self._run([self.measure], self.never)
        self.is_sent = True
        return self.measure.measured()

    def measured(self) -> dict[str, Tensor]:
        """Give what the last call has measured on its way, for each row; the next step measures anew."""
        return {name: total.clone() for name, total in self.calls[-1].measured().items()}

    def prepare(self, stage: int) -> dict[str, Tensor]:
        """Run a pass that only prepares the last one; give the sums that it has taken, for each row."""
        self._run([self.calls[stage]], self.never)
        self.is_sent = True
        return self.calls[stage].measured()

    def stages(self, is_left_out: Tensor | bool = False, is_prepared: bool = False) -> list[list[Change]]:
        """Give what updates all of it, unless the device finds that the step is to be left out: nobody asks it.

        Raises UnbuiltError, before anything changes, where a kernel is first needed now, and cannot be had.
        """
        self.bind_anew()
        flag = is_left_out.to(self.device, non_blocking=True) if isinstance(is_left_out, Tensor) else self.never
        run = partial(self._run, self.calls[-1:] if is_prepared else self.calls, flag)
        return [[run, partial(self._note_first_step, flag)]]

    def done(self) -> None:
        """Keep nothing alive that zero_grad frees."""
        self.relaid = []

    @property
    def is_alone(self) -> bool:
        """True if nothing is to be known before a step, and nothing is told of it after."""
        return not (self.measure or self.matrices or self.calls[-1].program.totals)

    def repeat(self) -> None:
        """Update all of it once more."""
        self._run(self.calls, self.never)
        self._note_first_step(self.never)
        self.done()
        launches = (launch for call in self.calls for launch in call.launches(call.given is None))
        self.repetition.prepare(launches, self.never)

    def driver_launches(self) -> list[DriverLaunch]:
        """Give the launches of a step like the last one, once what is new is on its way; none where it is unlike."""
        self.bind_anew()
        if not self.repetition.is_possible or self.options.has_tensors or self.relaid:
            return []
        self._fill_in_numbers(self.never)
        self.mirror.send()
        return self.repetition.launches

    def _note_first_step(self, flag: Tensor) -> None:
        """Have the host's numbers be those of later steps from now on."""
        for item in self._given:
            if item.is_new and flag is self.never:
                item.is_new = False
                self.filled = None

    def _run(self, calls: Sequence[DeviceCall], flag: Tensor) -> None:
        with devices.current(self.device), quiet():
            self.readers.keep(self._tables, self.mirror)
            for place, grad in self.relaid:
                place.copy_(grad)
            self.bind_anew()
            is_prepared = self._fill_in_numbers(flag)
            self.mirror.send(again=self.is_sent)
            self.is_sent = False
            if self.options.has_tensors:
                self.options.copy_tensors(self.on_device[1])
            for call in calls:
                call.run(flag, call.given is None or is_prepared)
                if self.matrices:
                    self.matrices.make(call.program)

    def bind_anew(self) -> None:
        """Prepare all launches again where other gradients start at multiples of a word than before."""
        places = self.gradients.tobytes()
        if places != self.places:
            # One number tells of all that none starts elsewhere: most models have no other gradients.
            is_alike = self.are_all_aligned and not np.bitwise_or.reduce(self.gradients) % WORD
            if not (is_alike or np.array_equal(self.gradients % WORD == 0, self.is_aligned)):
                self._bind()
            self.places = places

    def _fill_in_numbers(self, flag: Tensor) -> bool:
        """Compute the host's numbers if an option has changed; tell if the device must prepare them after all.

        It must where an option is a tensor of the device's, or where a first step may be left out.
        """
        given = self._given
        if self.options.has_tensors or (flag is not self.never and any(item.is_first for item in given)):
            return True
        options = self.options.table.tobytes()
        if options != self.filled:
            for item in given:
                item.fill(self.options.table)
            self.filled = options
        return False

    def _tables(self) -> list[Tensor]:
        """List all memory of the launch's own that kernels read."""
        of_calls = [table for call in self._all_calls for table in call.tables.all]
        stacks = self.matrices.stacks.values() if self.matrices else ()
        return [self.mirror.table, self.never, *self.shared.values(), *of_calls, *stacks]


def move_numbers(state: dict[str, Any], names: set[str], device: torch.device) -> None:
    """Keep counts and other numbers of a parameter where it is: there they are computed."""
    for name in names & state.keys():
        if state[name].device != device:
            state[name] = state[name].to(device)
