"""A kernel: a program for tensors of given dtypes, compiled for one kind of device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from time import perf_counter
from typing import Any

import torch

from ....formula.tracing.program import Program
from ...pieces.row_layout import row_layout
from ..device.function import Function
from ..unbuilt import UnbuiltError
from .lines.kernel import LineKernel
from .render import render
from .settings import ROW, ROWS, chunk_words, granule, setting_of
from .source import imported

WORDS, NUMBERS, CHUNKS, FLAG = torch.int64, torch.float64, torch.int32, torch.float32
"""The dtypes of tables."""


class Kernel:
    """The functions of a program."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], device: torch.device) -> None:
        start = perf_counter()
        self.program, self.dtypes, self.device = program, dtypes, device
        self.layout, self.setting = row_layout(program, ROW), setting_of(program, dtypes)
        self.granule = granule(program)
        """Of how many elements chunks of aligned tensors are multiples."""
        self.chunk_words = chunk_words(program)
        self.module: Any = imported(render(program, dtypes), program.formula.rule.owner.__name__.lower())
        self.prepare = self._function("prepare", [WORDS, NUMBERS, NUMBERS, 0], {"ROWS": ROWS}, 1)
        self.update = self._update(True)
        self.finish = self._function("finish", [WORDS, NUMBERS, NUMBERS], {}, 1) if self.sums else None
        self.seconds = perf_counter() - start
        """How long it took to have the kernel, from Triton's cache on disk or anew."""

    @property
    def sums(self) -> int:
        """How many sums the program takes."""
        return len(self.program.totals)

    @property
    def piece(self) -> int:
        """Elements of a chunk."""
        return self.setting.piece

    @cached_property
    def update_rest(self) -> Function:
        """The update of chunks that are not aligned: most models have none."""
        try:
            return self._update(False)
        except Exception as error:
            raise UnbuiltError(self, error) from error

    def _update(self, is_aligned: bool) -> Function:
        arguments = [WORDS, WORDS, NUMBERS, CHUNKS, *([NUMBERS] if self.sums else [])]
        constants = self.setting.constants | {"ALIGNED": is_aligned}
        return self._function("update", arguments, constants, self.setting.warps)

    def _function(self, name: str, arguments: list[Any], constants: Mapping[str, Any], warps: int) -> Function:
        return Function(getattr(self.module, name), [FLAG, *arguments], constants, warps, self.device)


_kernels: dict[tuple[Any, ...], Kernel | LineKernel] = {}


def kernel_of(
    program: Program, dtypes: tuple[tuple[str, torch.dtype], ...], device: torch.device
) -> Kernel | LineKernel:
    """Find the kernel of a program, building it if it is new."""
    key = (program, dtypes, device)
    if key not in _kernels:
        kind = LineKernel if program.has_lines else Kernel
        _kernels[key] = kind(program, dict(dtypes), device)
    return _kernels[key]


def seconds_of(keys: Iterable[tuple[Any, ...]]) -> float:
    """Say how long it took to have some kernels; those that are not there yet count as nothing."""
    return sum(_kernels[key].seconds for key in keys if key in _kernels)
