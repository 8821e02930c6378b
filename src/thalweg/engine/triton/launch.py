"""One launch on a device: the tables of all tensors that one formula's kernels update, and the calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...formula.passes import Program
from ..launch import Row, place_gradient
from ..matrices import Matrices
from . import device as devices
from .available import quiet
from .kernel import Kernel
from .options import DeviceOptions
from .tables import Tables
from .transfer import Mirror


class DeviceCall:
    """One kernel, and the tables that it is called with, at addresses that stay from step to step."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        rows: Sequence[Row],
        shared: Mapping[str, Tensor],
        options: Sequence[int],
    ) -> None:
        self.program, self.kernel, self.rows = program, kernel, rows
        words = [[*self._words(index, row, shared), options[index]] for index, row in enumerate(rows)]
        self.tables = Tables(program, kernel, words, [row.elements for row in rows], rows[0].param.device)

    @property
    def states(self) -> Iterator[Tensor]:
        """All that the kernel has the addresses of, beside parameters and gradients."""
        for row in self.rows:
            for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
                if name in row.state:
                    yield row.state[name]

    def run(self, gradients: Tensor, options: Tensor, flag: Tensor) -> None:
        """Give the work to the device; raises RuntimeError where that cannot be."""
        try:
            self.kernel.run(self.tables, gradients, options, flag)
        except RuntimeError as error:
            raise RuntimeError(
                f"{self.program.formula.rule.owner.__name__} could not launch its kernels on {self.kernel.device} "
                f"({error}): if the device's context was closed, start the process anew"
            ) from error

    def measured(self) -> dict[str, Tensor]:
        """Give each sum that was taken, for each row."""
        return {name: self.tables.totals[:, place] for place, name in enumerate(self.program.totals)}

    def _words(self, index: int, row: Row, shared: Mapping[str, Tensor]) -> Iterator[int]:
        """List the addresses of a parameter's tensors and numbers, as the kernel's layout has them."""
        tensors = row.tensors
        for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
            yield (tensors[name] if name in tensors else shared[name][index]).data_ptr()


class DeviceLaunch:
    """The calls for a set of parameters: what is measured of their gradients, then what updates them."""

    is_small = is_plain = False
    is_on_device = True

    def __init__(
        self,
        rows: Sequence[Row],
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
            self.calls.append(DeviceCall(program, kernel, rows, self.shared, [place + offset for place in places]))
            self.shared |= self.calls[-1].measured()
        own = [place + offsets[len(updates)] for place in places]
        self.measure = measure and DeviceCall(*measure, rows, self.shared, own)
        self._share_with_the_device()
        self.relaid: list[tuple[Tensor, Tensor]] = []
        self.is_sent = False
        """True between two runs of one step."""
        self.streams = {devices.stream_of(self.device)}
        self.find_gradients()

    def _gather_numbers(self, program: Program) -> None:
        """Have all that is one number a parameter on the device."""
        for row in self.rows:
            move_numbers(row.state, {*program.scalars, "step"}, self.device)
        columns = {
            # A rule that keeps no count still knows its first step: the one that made its states.
            "step": [0.0 if row.is_fresh else 1.0 for row in self.rows],
        } | {name: [row.numbers[name] for row in self.rows] for name in self.rows[0].numbers}
        self.shared = {
            name: torch.tensor(column, dtype=torch.float64, device=self.device) for name, column in columns.items()
        }
        self.never = torch.zeros(1, dtype=torch.float32, device=self.device)
        """What a scaler's `found_inf` is where there is no scaler."""

    @property
    def states(self) -> list[Tensor]:
        """All that the kernels have the addresses of, beside parameters and gradients."""
        return list({id(tensor): tensor for call in self._all_calls for tensor in call.states}.values())

    @property
    def _all_calls(self) -> list[DeviceCall]:
        return [*self.calls, *([self.measure] if self.measure else [])]

    def _share_with_the_device(self) -> None:
        """Let the addresses of gradients and the options be one piece of memory, sent in one copy."""
        count, table = len(self.rows), self.options.table
        # Where the options start at a multiple of 16 bytes whatever the count, one compiled kernel serves all counts.
        start = count + count % 2
        self.mirror = Mirror(start + table.size, self.device)
        self.gradients = self.mirror.host[:count]
        shared = self.mirror.host[start:].view(np.float64).reshape(table.shape)
        shared[:] = table
        self.options.table = shared
        self.on_device = self.mirror.table[:count], self.mirror.table[start:].view(torch.float64).view(table.shape)

    def find_gradients(self) -> None:
        """Note where the gradients are now; one that lies unlike its parameter is copied for the next step."""
        self.relaid = []
        for index, param in enumerate(self.params):
            self.gradients[index] = place_gradient(param, self.relaid)

    def look_at_gradients(self) -> Tensor:
        """Take the sum of the squares of each gradient; it is not waited for."""
        assert self.measure is not None
        self.is_sent = False
        self._run([self.measure], self.never)
        self.is_sent = True
        return self.measure.measured()["grad_square"]

    def measured(self) -> dict[str, Tensor]:
        """Give what the last call has measured on its way, for each row; the next step measures anew."""
        return {name: total.clone() for name, total in self.calls[-1].measured().items()}

    def run(self, is_left_out: Tensor | bool = False) -> None:
        """Update all of it, unless the device finds that the step is to be left out: the host need not ask."""
        flag = is_left_out if isinstance(is_left_out, Tensor) else self.never
        self._run(self.calls, flag.to(self.device, non_blocking=True))
        # What zero_grad frees is not kept alive from here.
        self.relaid = []

    @torch.no_grad()
    def _run(self, calls: Sequence[DeviceCall], flag: Tensor) -> None:
        with devices.current(self.device), quiet():
            self._keep_for_this_stream()
            for place, grad in self.relaid:
                place.copy_(grad)
            self.mirror.send(again=self.is_sent)
            self.is_sent = False
            gradients, options = self.on_device
            self.options.copy_tensors(options)
            for call in calls:
                call.run(gradients, options, flag)
                if self.matrices:
                    self.matrices.make(call.program)

    def _keep_for_this_stream(self) -> None:
        """Have the tables' memory wait for the work of every stream that they were used on."""
        stream = devices.stream_of(self.device)
        if stream not in self.streams:
            self.streams.add(stream)
            for table in (
                self.mirror.table,
                *self.shared.values(),
                *(t for call in self._all_calls for t in call.tables.all),
                *(self.matrices.stacks.values() if self.matrices else ()),
            ):
                table.record_stream(stream)


def move_numbers(state: dict[str, Any], names: set[str], device: torch.device) -> None:
    """Keep counts and other numbers of a parameter where it is: there they are computed."""
    for name in names & state.keys():
        if state[name].device != device:
            state[name] = state[name].to(device)
