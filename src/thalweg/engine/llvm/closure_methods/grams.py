"""Scalar products of the columns of many small matrices, compiled: a library takes several times their arithmetic."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...operands import address
from ..language.text import ATTRIBUTES
from ..language.vectors import KINDS, WIDEN

GRAM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2, ctypes.c_void_p)

COLUMNS = 8
"""The most columns that a function is written for: its text grows as their square."""

AT_ONCE = 12
"""Products summed in one loop, so that the sums stay in registers."""

Pairs: TypeAlias = Sequence[tuple[int, int]]


def grams(columns: Sequence[Tensor]) -> Tensor:
    """Return the products of k columns, each of shape (b, m) and contiguous, as float64 of shape (b, k, k).

    In memory, numbers of one place lie one after the other for all b.
    """
    b, m = columns[0].shape
    k, first = len(columns), columns[0]
    out = torch.empty(k, k, b, dtype=torch.float64, device="cpu")
    if not b or not m:
        return out.zero_().permute(2, 0, 1)
    places = np.array([address("column", column, first.dtype, b * m, first.device) for column in columns], np.int64)
    function, _ = compiled(first.dtype, k)
    function(places.ctypes.data, b, m, out.data_ptr())
    return out.permute(2, 0, 1)


@cache
def compiled(dtype: torch.dtype, k: int) -> tuple[Any, Any]:
    """Compile the function; what is returned second keeps its code alive."""
    # Only now is LLVM needed, and imported.
    from ..machine_code.load import load

    library = load(text(KINDS[dtype], k), ["grams"])
    return GRAM(library["grams"]), library


def text(kind: str, k: int) -> str:
    """Write the function for k columns: a few pairs of them at a time, for all rows."""
    pairs = list(combinations_with_replacement(range(k), 2))
    groups = [pairs[i : i + AT_ONCE] for i in range(0, len(pairs), AT_ONCE)]
    calls = "\n".join(f"  call void @some.{i}(ptr %columns, i64 %b, i64 %m, ptr %out)" for i in range(len(groups)))
    functions = "".join(products(f"some.{i}", group, kind, k) for i, group in enumerate(groups))
    return f"""{functions}
define dso_local void @grams(ptr %columns, i64 %b, i64 %m, ptr %out) {{
{calls}
  ret void
}}
"""


def products(name: str, pairs: Pairs, kind: str, k: int) -> str:
    """Write a function that sums the products of some pairs, row by row, and stores each on both sides."""
    used = sorted({column for pair in pairs for column in pair})
    return f"""
define internal void @{name}(ptr %columns, i64 %b, i64 %m, ptr %out) {ATTRIBUTES} {{
entry:
{lines(f"%at.{i} = getelementptr ptr, ptr %columns, i64 {i}" for i in used)}
{lines(f"%all.{i} = load ptr, ptr %at.{i}" for i in used)}
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.end ]
  %first = mul i64 %r, %m
{lines(f"%row.{i} = getelementptr {kind}, ptr %all.{i}, i64 %first" for i in used)}
{summed(pairs, lines(number(i, kind) for i in used), k)}
}}
"""


def summed(pairs: Pairs, read: str, k: int) -> str:
    """Write the loop over a row's points, each of which is read first; then store the sums and go to the next row."""
    return f"""  br label %point
point:
  %j = phi i64 [ 0, %row ], [ %j.next, %point ]
{lines(f"%before.{i}.{j} = phi double [ 0.0, %row ], [ %sum.{i}.{j}, %point ]" for i, j in pairs)}
{read}
{lines(product(i, j) for i, j in pairs)}
  %j.next = add i64 %j, 1
  %j.done = icmp eq i64 %j.next, %m
  br i1 %j.done, label %row.end, label %point
row.end:
{lines(stored(i, j, k) for i, j in pairs)}
  %r.next = add i64 %r, 1
  %r.done = icmp eq i64 %r.next, %b
  br i1 %r.done, label %exit, label %row
exit:
  ret void"""


def lines(written: Any) -> str:
    """Set lines in a function's body."""
    return "\n".join("  " + line for part in written for line in part.splitlines())


def number(i: int, kind: str) -> str:
    """Read a column's number."""
    return f"""%here.{i} = getelementptr {kind}, ptr %row.{i}, i64 %j
%narrow.{i} = load {kind}, ptr %here.{i}
%number.{i} = {WIDEN[kind].format(f"%narrow.{i}")}"""


def product(i: int, j: int) -> str:
    """Add a product to its sum, in an order that only the processor's vector width decides."""
    return f"""%product.{i}.{j} = fmul reassoc contract double %number.{i}, %number.{j}
%sum.{i}.{j} = fadd reassoc contract double %before.{i}.{j}, %product.{i}.{j}"""


def stored(i: int, j: int, k: int) -> str:
    """Store a sum in row i and column j, and in row j and column i."""
    return "\n".join(
        f"""%place.{a}.{c} = mul i64 %b, {a * k + c}
%own.{a}.{c} = add i64 %place.{a}.{c}, %r
%own.at.{a}.{c} = getelementptr double, ptr %out, i64 %own.{a}.{c}
store double %sum.{i}.{j}, ptr %own.at.{a}.{c}"""
        for a, c in {(i, j), (j, i)}
    )
