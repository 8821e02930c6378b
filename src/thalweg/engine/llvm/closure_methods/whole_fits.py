"""Fits that iterate by themselves, compiled: each goes from its start to its end."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....formula.graph.expr import Expr
from ...operands import address
from .fits_in_lanes import FitsInLanes, Iteration
from .in_lanes import widest

FITS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2)


class WholeFits:
    """A model's derivatives and residuals as functions of symbols, the numbers of points of all fits, an iteration."""

    def __init__(self, columns: Sequence[Expr], data: int, points: Sequence[Tensor], iteration: Iteration) -> None:
        self.points, self.answers, self.lanes = points, len(iteration.answer), widest()
        self.function, self.code = compiled(FitsInLanes(columns, data, len(points), iteration, self.lanes).text())

    def __call__(self, starts: Tensor, data: Sequence[Tensor], options: Sequence[float]) -> Tensor:
        """Return the answers, one row for each of them, of fits from starts of shape (b, n).

        `data` have rows of m numbers for each fit, in float64.
        """
        b, m = len(starts), data[0].shape[1]
        numbers = starts.mT.contiguous()
        out = torch.empty(self.answers, b, dtype=torch.float64, device="cpu")
        given = torch.tensor(options, dtype=torch.float64, device="cpu")
        room = torch.zeros(len(data), m, self.lanes, dtype=torch.float64, device="cpu")
        places = [
            address("starts", numbers, torch.float64, starts.numel(), starts.device),
            address("answers", out, torch.float64, self.answers * b, starts.device),
            address("options", given, torch.float64, len(options), starts.device),
            address("room", room, torch.float64, len(data) * m * self.lanes, starts.device),
            *(address("data", rows, torch.float64, b * m, starts.device) for rows in data),
            *(address("points", row, torch.float64, m, starts.device) for row in self.points),
        ]
        table = np.array(places, np.int64)
        if b:
            self.function(table.ctypes.data, b, m)
        return out


@cache
def compiled(written: str) -> tuple[Any, Any]:
    """Compile a module; what is returned second keeps its code alive."""
    # Only now is LLVM needed, and imported.
    from ..machine_code.load import load

    library = load(written, ["fits"])
    return FITS(library["fits"]), library
