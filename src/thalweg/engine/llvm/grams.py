"""Scalar products of the columns of many small matrices, compiled: a library takes several times their arithmetic."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..operands import address
from .text import ATTRIBUTES
from .vectors import KINDS, definitions

GRAM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p)


def grams(columns: Sequence[Tensor]) -> Tensor:
    """Return the products of k columns, each of shape (b, m) and contiguous, as float64 of shape (b, k, k)."""
    b, m = columns[0].shape
    k, first = len(columns), columns[0]
    out = torch.empty(b, k, k, dtype=torch.float64)
    if not b or not m:
        return out.zero_()
    places = np.array([address("column", column, first.dtype, b * m, first.device) for column in columns], np.int64)
    function, _ = compiled(first.dtype)
    function(places.ctypes.data, k, b, m, out.data_ptr())
    return out


@cache
def compiled(dtype: torch.dtype) -> tuple[Any, Any]:
    """Compile the function; what is returned second keeps its code alive."""
    # Only now is LLVM needed, and imported.
    from .load import load

    library = load(text(KINDS[dtype]), ["grams"])
    return GRAM(library["grams"]), library


def text(kind: str) -> str:
    """Write the function: for each row all pairs of columns, each product stored on both sides of the diagonal."""
    return f"""{definitions(kind)}
define dso_local void @grams(ptr %columns, i64 %k, i64 %b, i64 %m, ptr %out) {ATTRIBUTES} {{
entry:
  %square = mul i64 %k, %k
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.end ]
  %first = mul i64 %r, %m
  %gram.first = mul i64 %r, %square
  %gram = getelementptr double, ptr %out, i64 %gram.first
  br label %one
one:
  %i = phi i64 [ 0, %row ], [ %i.next, %one.end ]
  %a.at = getelementptr ptr, ptr %columns, i64 %i
  %a.all = load ptr, ptr %a.at
  %a = getelementptr {kind}, ptr %a.all, i64 %first
  %i.row = mul i64 %i, %k
  br label %other
other:
  %j = phi i64 [ 0, %one ], [ %j.next, %other ]
  %b.at = getelementptr ptr, ptr %columns, i64 %j
  %b.all = load ptr, ptr %b.at
  %b.row = getelementptr {kind}, ptr %b.all, i64 %first
  %product = call double @dot(ptr %a, ptr %b.row, i64 %m)
  %below = add i64 %i.row, %j
  %below.at = getelementptr double, ptr %gram, i64 %below
  store double %product, ptr %below.at
  %j.row = mul i64 %j, %k
  %above = add i64 %j.row, %i
  %above.at = getelementptr double, ptr %gram, i64 %above
  store double %product, ptr %above.at
  %j.next = add i64 %j, 1
  %j.done = icmp ugt i64 %j.next, %i
  br i1 %j.done, label %one.end, label %other
one.end:
  %i.next = add i64 %i, 1
  %i.done = icmp eq i64 %i.next, %k
  br i1 %i.done, label %row.end, label %one
row.end:
  %r.next = add i64 %r, 1
  %r.done = icmp eq i64 %r.next, %b
  br i1 %r.done, label %exit, label %row
exit:
  ret void
}}
"""
