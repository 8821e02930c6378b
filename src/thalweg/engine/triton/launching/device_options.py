"""The options of the groups of a launch, on its device: those that are tensors there are never read by the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ....formula.tracing.trace import as_float
from ...launches.options import Options


class DeviceOptions(Options):
    """A table with a row for each group and a column for each number; tensors are copied into it on the device."""

    @cached_property
    def tensors(self) -> dict[int, list[tuple[int, Tensor]]]:
        """For each column the rows that are filled from a tensor."""
        return {}

    @property
    def has_tensors(self) -> bool:
        """True if some option is a tensor on the device."""
        return bool(self.tensors)

    def place(self, address: int) -> int:
        """Turn the address of a group's numbers into the place of the first."""
        return (address - self.address(0)) // self.table.itemsize

    def _fill(self, column: int, numbers: Sequence[Any]) -> None:
        """Take over a column: tensors on a device are noted, everything else is read."""
        found = [(row, number) for row, number in enumerate(numbers) if is_on_device(number)]
        self.tensors.pop(column, None)
        if found:
            self.tensors[column] = found
        for row, number in enumerate(numbers):
            self.table[row, column] = 0.0 if is_on_device(number) else as_float(number)

    @torch.no_grad()
    def copy_tensors(self, table: Tensor) -> None:
        """Copy what is a tensor into the device's table, without waiting for it."""
        for column, rows in self.tensors.items():
            if len(rows) == len(table) and len({id(tensor) for _, tensor in rows}) == 1:
                table[:, column].copy_(rows[0][1].reshape(()), non_blocking=True)
            else:
                for row, tensor in rows:
                    table[row, column].copy_(tensor.reshape(()), non_blocking=True)


def is_on_device(number: Any) -> bool:
    """Tell if the host would have to wait for a number."""
    return isinstance(number, Tensor) and number.device.type != "cpu"
