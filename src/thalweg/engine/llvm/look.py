"""Looking at tensors where torch keeps them, instead of asking for each attribute through Python.

Before a step every parameter and gradient must be looked at: same memory, same shape, same dtype? Asked through Python
that takes 0.2 us a tensor, many times the update of a small one; read from memory, 0.02 us.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from .. import cache as disk
from .compile import compiled, link, target
from .memory import AUTOGRAD, COUNT, DATA, GRAD, IMPL, SHAPE, SHAPE_WORDS, STORAGE, VERSION, mask, no_gradient, words

TABLES = ("mask", "param", "grad")
ROW = ("object", "impl", "data", "offset", "target", *(table for table in TABLES for _ in range(SHAPE_WORDS)))

TEXT = f"""
define i1 @alike(ptr %a, ptr %b, ptr %mask) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %differ.before = phi i64 [ 0, %entry ], [ %differ, %loop ]
  %a.at = getelementptr i64, ptr %a, i64 %i
  %b.at = getelementptr i64, ptr %b, i64 %i
  %a.word = load i64, ptr %a.at
  %b.word = load i64, ptr %b.at
  %mask.at = getelementptr i64, ptr %mask, i64 %i
  %mask.word = load i64, ptr %mask.at
  %apart = xor i64 %a.word, %b.word
  %counts = and i64 %apart, %mask.word
  %differ = or i64 %differ.before, %counts
  %next = add i64 %i, 1
  %done = icmp eq i64 %next, {SHAPE_WORDS}
  br i1 %done, label %exit, label %loop
exit:
  %same = icmp eq i64 %differ, 0
  ret i1 %same
}}

define ptr @field(ptr %base, i64 %offset) alwaysinline {{
  %at = getelementptr i8, ptr %base, i64 %offset
  %value = load ptr, ptr %at
  ret ptr %value
}}

define ptr @gradient(ptr %impl, ptr %none) alwaysinline {{
  %autograd = call ptr @field(ptr %impl, i64 {AUTOGRAD})
  %never = icmp eq ptr %autograd, null
  br i1 %never, label %without, label %with
without:
  ret ptr %none
with:
  %grad = call ptr @field(ptr %autograd, i64 {GRAD})
  ret ptr %grad
}}

define i1 @holds(ptr %row, ptr %none) {{
entry:
  %object = call ptr @field(ptr %row, i64 0)
  %impl = call ptr @field(ptr %object, i64 {IMPL})
  %impl.known = call ptr @field(ptr %row, i64 8)
  %impl.same = icmp eq ptr %impl, %impl.known
  br i1 %impl.same, label %memory, label %no
memory:
  %storage = call ptr @field(ptr %impl, i64 {STORAGE})
  %data = call ptr @field(ptr %storage, i64 {DATA})
  %data.known = call ptr @field(ptr %row, i64 16)
  %data.same = icmp eq ptr %data, %data.known
  %shape = getelementptr i8, ptr %impl, i64 {SHAPE}
  %shape.known = getelementptr i64, ptr %row, i64 {ROW.index("param")}
  %mask = getelementptr i64, ptr %row, i64 {ROW.index("mask")}
  %shape.same = call i1 @alike(ptr %shape, ptr %shape.known, ptr %mask)
  %param.same = and i1 %data.same, %shape.same
  %grad = call ptr @gradient(ptr %impl, ptr %none)
  %grad.is = icmp ne ptr %grad, %none
  %both = and i1 %param.same, %grad.is
  br i1 %both, label %gradients, label %no
gradients:
  %grad.shape = getelementptr i8, ptr %grad, i64 {SHAPE}
  %grad.known = getelementptr i64, ptr %row, i64 {ROW.index("grad")}
  %grad.same = call i1 @alike(ptr %grad.shape, ptr %grad.known, ptr %mask)
  ret i1 %grad.same
no:
  ret i1 false
}}

define void @note(ptr %row) {{
  %impl = call ptr @field(ptr %row, i64 8)
  %version = call ptr @field(ptr %impl, i64 {VERSION})
  %count = getelementptr i8, ptr %version, i64 {COUNT}
  %old = atomicrmw add ptr %count, i32 1 monotonic
  %grad = call ptr @gradient(ptr %impl, ptr null)
  %storage = call ptr @field(ptr %grad, i64 {STORAGE})
  %data = call ptr @field(ptr %storage, i64 {DATA})
  %offset.at = getelementptr i64, ptr %row, i64 {ROW.index("offset")}
  %offset = load i64, ptr %offset.at
  %start = getelementptr i8, ptr %data, i64 %offset
  %target = call ptr @field(ptr %row, i64 {8 * ROW.index("target")})
  store ptr %start, ptr %target
  ret void
}}

define i32 @look(ptr %rows, i64 %count, ptr %others, i64 %other_count, ptr %none) {{
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %i.more = icmp slt i64 %i, %count
  br i1 %i.more, label %check, label %other
check:
  %i.start = mul i64 %i, {len(ROW)}
  %row = getelementptr i64, ptr %rows, i64 %i.start
  %row.holds = call i1 @holds(ptr %row, ptr %none)
  br i1 %row.holds, label %next, label %no
next:
  %i.next = add i64 %i, 1
  br label %each
other:
  %k = phi i64 [ 0, %each ], [ %k.next, %other.next ]
  %k.more = icmp slt i64 %k, %other_count
  br i1 %k.more, label %other.check, label %yes
other.check:
  %k.start = mul i64 %k, 2
  %other.row = getelementptr i64, ptr %others, i64 %k.start
  %object = call ptr @field(ptr %other.row, i64 0)
  %wanted.at = getelementptr i64, ptr %other.row, i64 1
  %wanted = load i64, ptr %wanted.at
  %impl = call ptr @field(ptr %object, i64 {IMPL})
  %grad = call ptr @gradient(ptr %impl, ptr %none)
  %is = icmp ne ptr %grad, %none
  %found = zext i1 %is to i64
  %other.holds = icmp eq i64 %found, %wanted
  br i1 %other.holds, label %other.next, label %no
other.next:
  %k.next = add i64 %k, 1
  br label %other
yes:
  %n = phi i64 [ 0, %other ], [ %n.next, %noted ]
  %n.more = icmp slt i64 %n, %count
  br i1 %n.more, label %noting, label %exit
noting:
  %n.start = mul i64 %n, {len(ROW)}
  %noted.row = getelementptr i64, ptr %rows, i64 %n.start
  call void @note(ptr %noted.row)
  br label %noted
noted:
  %n.next = add i64 %n, 1
  br label %yes
exit:
  ret i32 1
no:
  ret i32 0
}}
"""

# Holding Python's lock: nobody may free a tensor while it is looked at.
Function = ctypes.PYFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
)


class Look:
    """The memory of parameters and gradients as it was, to compare with."""

    def __init__(self, params: Sequence[Tensor], targets: Sequence[int], others: Sequence[tuple[Tensor, bool]]) -> None:
        self.rows = np.array([_row(*pair) for pair in zip(params, targets, strict=True)], np.int64).reshape(
            -1, len(ROW)
        )
        self.others = np.array([(id(param), has_grad) for param, has_grad in others], np.int64).reshape(-1, 2)
        self.function = _function()[0]
        tables = self.rows.ctypes.data, len(self.rows), self.others.ctypes.data, len(self.others)
        self.arguments = (*tables, no_gradient())

    def __call__(self) -> bool:
        """Tell if all is as it was; then note where the gradients are now, and that the parameters will change."""
        return bool(self.function(*self.arguments))


def _row(param: Tensor, target: int) -> list[int]:
    grad = param.grad
    assert grad is not None
    start = [id(param), param._cdata, param.untyped_storage().data_ptr()]
    shapes = [*words(param._cdata + SHAPE, SHAPE_WORDS), *words(grad._cdata + SHAPE, SHAPE_WORDS)]
    return [*start, int(grad.storage_offset()) * grad.element_size(), target, *mask(param.dim()), *shapes]


@cache
def _function() -> tuple[Any, Any]:
    """Compile the look; what is returned second keeps the code alive."""
    code = disk.remembered(f"{target()}\n{TEXT}", lambda: compiled(TEXT))
    library = link(code, ["look"])
    return Function(library["look"]), library
