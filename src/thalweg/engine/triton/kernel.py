"""A kernel: a program for tensors of given dtypes, compiled for one kind of device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ...formula.expr import BLOCK
from ...formula.passes import Program
from .available import interprets
from .device import current, name_of
from .layout import row_layout
from .measure import seconds
from .render import render
from .source import imported
from .tables import Tables
from .tuning import USUAL, Setting, best

ROWS = 32
"""Rows whose numbers are computed together, a row to a thread."""

SUMMED = 32_768
"""Elements of a piece whose sums are taken by themselves: as on the CPU, whose order of adding is kept."""


class Kernel:
    """The functions of a program; calling one gives its work to the device's current stream."""

    def __init__(
        self, program: Program, dtypes: Mapping[str, torch.dtype], device: torch.device, setting: Setting
    ) -> None:
        start = perf_counter()
        self.layout = row_layout(program)
        self.sums = bool(program.totals)
        self.setting = Setting(BLOCK, 2) if self.sums else setting
        self.piece = SUMMED if self.sums else setting.block
        """Elements of a chunk."""
        self.device = device
        self.functions: Any = imported(render(program, dtypes), program.formula.rule.owner.__name__.lower())
        if not interprets():
            self._compile()
        self.seconds = perf_counter() - start
        """How long it took to have the kernel, from Triton's cache on disk or anew."""

    def _compile(self) -> None:
        """Compile now, and not in the first step: dtypes stand for tables."""
        words, numbers, chunks, flag = torch.int64, torch.float64, torch.int32, torch.float32
        sums = [numbers] if self.sums else []
        with current(self.device):
            self._prepare("warmup", words, numbers, numbers, flag, 0, grid=(1,))
            self._update("warmup", words, words, numbers, chunks, *sums, flag, grid=(1,))
            if self.sums:
                self._finish("warmup", words, numbers, numbers, grid=(1,))

    def run(self, tables: Tables, gradients: Tensor, options: Tensor, overflowed: Tensor) -> None:
        """Compute the numbers, then go over everything, then add up."""
        rows, numbers, sums = tables.rows, tables.numbers, [tables.sums] if self.sums else []
        if tables.count:
            grid = (-(-tables.count // ROWS),)
            self._prepare("run", rows, options, numbers, overflowed, tables.count, grid=grid, warmup=False)
        if len(tables.chunks):
            grid = (len(tables.chunks),)
            self._update("run", rows, gradients, numbers, tables.chunks, *sums, overflowed, grid=grid, warmup=False)
        if self.sums and tables.count:
            self._finish("run", rows, tables.sums, tables.totals, grid=(tables.count,), warmup=False)

    def _prepare(self, how: str, *arguments: Any, **more: Any) -> None:
        getattr(self.functions.prepare, how)(*arguments, ROWS=ROWS, **more, **exact(self.device, 1))

    def _update(self, how: str, *arguments: Any, **more: Any) -> None:
        constants = {"BLOCK": self.setting.block} | ({"LENGTH": SUMMED} if self.sums else {})
        getattr(self.functions.update, how)(*arguments, **constants, **more, **exact(self.device, self.setting.warps))

    def _finish(self, how: str, *arguments: Any, **more: Any) -> None:
        getattr(self.functions.finish, how)(*arguments, LENGTH=SUMMED, **more, **exact(self.device, 1))


def exact(device: torch.device, warps: int) -> dict[str, Any]:
    """Say how to compile for a device."""
    return contracts_nothing(device.type == "cuda" and torch.version.hip is None) | {"num_warps": warps}


def contracts_nothing(is_nvidia: bool) -> dict[str, Any]:
    """Have each operation rounded once; on NVIDIA's devices, keep denormal numbers."""
    return {"enable_fp_fusion": False} | ({"enable_reflect_ftz": False} if is_nvidia else {})


_kernels: dict[tuple[Any, ...], Kernel] = {}


def kernel_of(program: Program, dtypes: tuple[tuple[str, torch.dtype], ...], device: torch.device) -> Kernel:
    """Find the kernel of a program, building it if it is new."""
    key = (program, dtypes, device)
    if key not in _kernels:
        _kernels[key] = Kernel(program, dict(dtypes), device, setting_of(program, dict(dtypes), device))
    return _kernels[key]


def seconds_of(keys: Iterable[tuple[Any, ...]]) -> float:
    """Say how long it took to have some kernels; those that are not there yet count as nothing."""
    return sum(_kernels[key].seconds for key in keys if key in _kernels)


def setting_of(program: Program, dtypes: Mapping[str, torch.dtype], device: torch.device) -> Setting:
    """Look up the best block for a program, or measure it; sums have theirs."""
    if program.totals or interprets():
        return USUAL
    width = sum(dtypes[name].itemsize for name in (*program.loads, *program.stores))
    return best(
        name_of(device), width, lambda setting: seconds(Kernel(program, dtypes, device, setting), program, dtypes)
    )
