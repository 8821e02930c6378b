"""How long a kernel takes on tensors of its own, so large that no cache holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import TYPE_CHECKING

import torch

from ...formula.passes import Program
from ...state.formats import PACKED
from .device import current, module_of
from .tables import Tables

if TYPE_CHECKING:
    from .kernel import Kernel

ELEMENTS, ROUNDS = 1 << 24, 7


def seconds(kernel: Kernel, program: Program, dtypes: Mapping[str, torch.dtype]) -> float:
    """Time one pass over 16M elements, by the device's own clock."""
    device = kernel.device
    with current(device):
        kinds = {name: torch.uint8 if dtypes[name] is PACKED else dtypes[name] for name in program.tensors}
        tensors = {name: torch.zeros(ELEMENTS, dtype=kind, device=device) for name, kind in kinds.items()}
        numbers = {name: torch.zeros(1, dtype=dtypes[name], device=device) for name in program.scalars}
        addresses = {name: tensor.data_ptr() for name, tensor in (tensors | numbers).items()}
        row = [addresses[name] for name in (*kernel.layout.tensors, *kernel.layout.scalars)]
        tables = Tables(program, kernel, [[*row, 0]], [ELEMENTS], device)
        gradients = torch.tensor([addresses["grad"]], device=device)
        options = torch.zeros(max(len(program.options), 1), dtype=torch.float64, device=device)
        never = torch.zeros(1, device=device, dtype=torch.float32)

        def work() -> None:
            kernel.run(tables, gradients, options, never)

        work()
        return median(milliseconds(work, device) for _ in range(ROUNDS)) / 1e3


def milliseconds(work: Callable[[], None], device: torch.device) -> float:
    """Time something by events."""
    start, end = (module_of(device.type).Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))
