"""The functions of a pass along lines, compiled for one kind of device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from time import perf_counter
from typing import Any

import torch

from .....formula.tracing.program import Program
from ....pieces.row_layout import row_layout
from ...device.function import Function
from ...unbuilt import UnbuiltError
from ..render import render
from ..settings import ROWS
from ..source import imported
from .items import TILE, Shape, warps_of
from .walks import ROW

WORDS, NUMBERS, FLAG = torch.int64, torch.float64, torch.float32
"""The dtypes of tables."""


class LineKernel:
    """The functions of a pass along lines: one of each kind for each shape of tiles that parameters need."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], device: torch.device) -> None:
        start = perf_counter()
        self.program, self.dtypes, self.device = program, dtypes, device
        self.layout = row_layout(program, ROW)
        self.module: Any = imported(render(program, dtypes), program.formula.rule.owner.__name__.lower())
        self.prepare = self._function("prepare", [WORDS, NUMBERS, NUMBERS, 0], {"ROWS": ROWS}, 1)
        self.finish = self._function("finish", [WORDS, NUMBERS, NUMBERS], {}, 1) if self.sums else None
        self.of = cache(self._of)
        self.seconds = perf_counter() - start
        """How long it took to have what every parameter needs, from Triton's cache on disk or anew."""

    @property
    def sums(self) -> int:
        """How many sums over a whole parameter the program takes."""
        return len(self.program.totals)

    def _of(self, name: str, shape: Shape) -> Function:
        """Give one of the functions for a shape of tiles: it is compiled when it is first asked for."""
        start = perf_counter()
        tables: dict[str, list[Any]] = {
            "walk": [WORDS, WORDS, NUMBERS, WORDS],
            "across": [WORDS, WORDS, NUMBERS, WORDS, NUMBERS, 0],
            "close": [WORDS, WORDS, NUMBERS, 0],
            "total": [WORDS, WORDS, NUMBERS, WORDS, NUMBERS],
        }
        constants: dict[str, Any] = {"LINES": TILE // shape.columns} if name == "walk" else {}
        constants |= {"COLUMNS": shape.columns} | ({} if name == "close" else {"ALIGNED": shape.is_aligned})
        try:
            function = self._function(name, tables[name], constants, warps_of(name, shape.columns, self.program))
        except Exception as error:
            raise UnbuiltError(self, error) from error
        self.seconds += perf_counter() - start
        return function

    def _function(self, name: str, arguments: list[Any], constants: Mapping[str, Any], warps: int) -> Function:
        return Function(getattr(self.module, name), [FLAG, *arguments], constants, warps, self.device)
