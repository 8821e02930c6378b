"""Where torch has many tensors, and what it keeps of each: read in one call, and not asked tensor by tensor."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from ..machine_code.effort import AS_WRITTEN
from ..machine_code.load import load
from .inside_tensors import BYTES, DATA, IMPL, INLINE, ITEMS, SHAPE_WORDS, STORAGE, mask, shape_start, words

OWN_WORDS = ("object", "impl", "storage", "data", "bytes")
"""The words of a row: where Python and torch have the tensor, where its storage is, that one's memory, and how much.
After them come those of its shape."""

WIDTH = len(OWN_WORDS) + SHAPE_WORDS
OFFSET, COUNT = 1 + 2 * INLINE, 2 + 2 * INLINE
"""The places of a tensor's offset and of its count of elements among the words of its shape."""

START = "@start"
"""Stands for the place of a tensor's sizes, which is found when tensors are first gathered."""

TEXT = f"""
define i32 @gather(ptr %items, i64 %count, ptr %rows) {{
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %done
one:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %object = load ptr, ptr %item.at
  %place = mul i64 %i, {WIDTH}
  %row = getelementptr i64, ptr %rows, i64 %place
  %impl.at = getelementptr i8, ptr %object, i64 {IMPL}
  %impl = load ptr, ptr %impl.at
  %storage.at = getelementptr i8, ptr %impl, i64 {STORAGE}
  %storage = load ptr, ptr %storage.at
  store ptr %object, ptr %row
  %row.impl = getelementptr i64, ptr %row, i64 1
  store ptr %impl, ptr %row.impl
  %row.storage = getelementptr i64, ptr %row, i64 2
  store ptr %storage, ptr %row.storage
  %shape = getelementptr i8, ptr %impl, i64 {START}
  %row.shape = getelementptr i64, ptr %row, i64 {len(OWN_WORDS)}
  call void @llvm.memcpy.inline.p0.p0.i64(ptr %row.shape, ptr %shape, i64 {8 * SHAPE_WORDS}, i1 false)
  %has_none = icmp eq ptr %storage, null
  br i1 %has_none, label %next, label %stored
stored:
  %data.at = getelementptr i8, ptr %storage, i64 {DATA}
  %data = load ptr, ptr %data.at
  %row.data = getelementptr i64, ptr %row, i64 3
  store ptr %data, ptr %row.data
  %bytes.at = getelementptr i8, ptr %storage, i64 {BYTES}
  %bytes = load i64, ptr %bytes.at
  %row.bytes = getelementptr i64, ptr %row, i64 4
  store i64 %bytes, ptr %row.bytes
  br label %next
next:
  %i.next = add i64 %i, 1
  br label %each
done:
  ret i32 0
}}

declare void @llvm.memcpy.inline.p0.p0.i64(ptr, ptr, i64, i1)
"""


class Gathered:
    """What torch has of each of some tensors, in columns; a tensor without a storage has zeros in its place."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        listed = list(tensors)
        rows = np.zeros((len(listed), WIDTH), np.int64)
        function, self.code = _function()
        function(words(id(listed) + ITEMS, 1)[0], len(listed), rows.ctypes.data)
        self.objects, self.impls, self.storages, self.data, self.bytes = rows[:, : len(OWN_WORDS)].T
        self.shapes = rows[:, len(OWN_WORDS) :]
        self.shapes &= masks(self.shapes)

    @property
    def offsets(self) -> Any:
        """Count the elements of each storage before the tensor's first."""
        return self.shapes[:, OFFSET]

    @property
    def counts(self) -> Any:
        """Count the elements of each."""
        return self.shapes[:, COUNT]

    @property
    def likes(self) -> list[bytes]:
        """Give what is equal where dtypes, shapes, strides, layouts and the room in the storage are."""
        rows = np.column_stack([self.shapes, self.bytes, self.data == 0])
        return as_bytes(rows)


def as_bytes(rows: Any) -> list[bytes]:
    """Give each row as bytes, which are hashed and compared at once."""
    found: list[bytes] = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * 8}").ravel().tolist()
    return found


def masks(shapes: Any) -> Any:
    """Give for each shape, whose first word counts dimensions, which of its bits mean something."""
    return _masks()[np.clip(shapes[:, 0], 0, INLINE)]


@cache
def _masks() -> Any:
    return np.array([mask(dimensions) for dimensions in range(INLINE + 1)])


# Holding Python's lock: nobody may free a tensor while it is read.
Function = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


@cache
def _function() -> tuple[Any, Any]:
    """Compile it; what is returned second keeps the code alive."""
    library = load(TEXT.replace(START, str(shape_start() or 0)), ["gather"], AS_WRITTEN)
    return Function(library["gather"]), library
