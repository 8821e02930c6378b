"""The normal equations of many fits of one model, compiled: no residual and no derivative is ever stored."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....formula.graph.expr import Expr
from ...operands import address
from ..language.text import ATTRIBUTES, Values, operations, word
from .grams import lines, summed
from .model_functions import functions

PARAMETER, DATUM, POINT = "p", "d", "t"
"""What a symbol of a model is called: a number of a fit, of a point of a fit, or of a point of all fits."""

EQUATIONS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2, ctypes.c_void_p)


class NormalEquations:
    """What a model's derivatives and residuals are, as functions of symbols, and the numbers of points of all fits."""

    def __init__(self, columns: Sequence[Expr], data: int, points: Sequence[Tensor]) -> None:
        self.k, self.points = len(columns), points
        self.function, self.code = compiled(text(columns, data, len(points)))

    def __call__(self, x: Tensor, index: Tensor, data: Sequence[Tensor]) -> Tensor:
        """Return the products of the columns, (b, k, k), where the fits `index` are at x of shape (b, k - 1).

        `data` have rows of m numbers for each fit, in float64. In memory, numbers of one place of x, and of what is
        returned, lie one after the other for all b.
        """
        b, m = len(x), data[0].shape[1]
        out = torch.empty(self.k, self.k, b, dtype=torch.float64, device="cpu")
        if not b:
            return out.permute(2, 0, 1)
        numbers = x.movedim(0, -1)
        places = [
            address("x", numbers, torch.float64, x.numel(), x.device),
            address("index", index, torch.int64, b, x.device),
            *(address("data", rows, torch.float64, rows.numel(), x.device) for rows in data),
            *(address("points", row, torch.float64, m, x.device) for row in self.points),
        ]
        table = np.array(places, np.int64)
        self.function(table.ctypes.data, b, m, out.data_ptr())
        return out.permute(2, 0, 1)


@cache
def compiled(written: str) -> tuple[Any, Any]:
    """Compile a module; what is returned second keeps its code alive."""
    # Only now is LLVM needed, and imported.
    from ..machine_code.load import load

    library = load(written, ["equations"])
    return EQUATIONS(library["equations"]), library


def text(columns: Sequence[Expr], data: int, points: int) -> str:
    """Write the function: for each fit one loop over its points, with all sums in it."""
    k = len(columns)
    counts = {PARAMETER: k - 1, DATUM: data, POINT: points}
    symbols = {f"{kind}[{i}]": f"%{kind}.{i}" for kind, count in counts.items() for i in range(count)}
    values = Values("double", symbols)
    arithmetic = list(values.arithmetic(columns))
    pairs = list(combinations_with_replacement(range(k), 2))
    rows, shared = range(data), range(points)
    point = "\n".join(
        (
            lines(read(f"d.{i}", f"row.{i}") for i in rows),
            lines(read(f"t.{i}", f"points.{i}") for i in shared),
            lines(arithmetic),
            lines(f"%number.{i} = fadd double {values[column]}, -0.0" for i, column in enumerate(columns)),
        )
    )
    bases = ["x", "index", *(f"data.{i}" for i in rows), *(f"points.{i}" for i in shared)]
    return f"""{operations("double")}{functions(columns)}
define dso_local void @equations(ptr %table, i64 %b, i64 %m, ptr %out) {ATTRIBUTES} {{
entry:
{lines(line for place, name in enumerate(bases) for line in word(f"%{name}", "table", place))}
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.end ]
  %fit.at = getelementptr i64, ptr %index, i64 %r
  %fit = load i64, ptr %fit.at
  %first = mul i64 %fit, %m
{lines(parameter(i) for i in range(k - 1))}
{lines(f"%row.{i} = getelementptr double, ptr %data.{i}, i64 %first" for i in rows)}
{summed(pairs, point, k)}
}}
"""


def parameter(i: int) -> str:
    """Read a number of a fit."""
    return f"""%p.first.{i} = mul i64 %b, {i}
%p.place.{i} = add i64 %p.first.{i}, %r
%p.at.{i} = getelementptr double, ptr %x, i64 %p.place.{i}
%p.{i} = load double, ptr %p.at.{i}"""


def read(name: str, array: str) -> str:
    """Read the number of a point."""
    return f"""%{name}.at = getelementptr double, ptr %{array}, i64 %j
%{name} = load double, ptr %{name}.at"""
