"""Looking at tensors where torch keeps them, instead of asking for each attribute through Python.

Before a step every parameter and gradient must be looked at: same memory, same shape, same dtype? Asked through Python
that takes 0.2 us a tensor, many times the update of a small one; read from memory, less than 0.1 us, states included.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from .load import load
from .memory import (
    AUTOGRAD,
    COUNT,
    DATA,
    GRAD,
    IMPL,
    SHAPE_WORDS,
    STORAGE,
    VERSION,
    mask,
    no_gradient,
    shape_start,
    words,
)

START = "@start"
"""Stands for the place of a tensor's sizes, which is found when the look is first needed."""

TABLES = ("mask", "param", "grad")
ROW = ("object", "impl", "data", "offset", "target", "none", *(table for table in TABLES for _ in range(SHAPE_WORDS)))

TEXT = f"""
define internal i1 @alike(ptr %a, ptr %b, ptr %mask) alwaysinline {{
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
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  %same = icmp eq i64 %differ, 0
  ret i1 %same
}}

define internal ptr @field(ptr %base, i64 %offset) alwaysinline {{
  %at = getelementptr i8, ptr %base, i64 %offset
  %value = load ptr, ptr %at
  ret ptr %value
}}

define internal ptr @gradient(ptr %impl, ptr %none) alwaysinline {{
  %autograd = call ptr @field(ptr %impl, i64 {AUTOGRAD})
  %never = icmp eq ptr %autograd, null
  br i1 %never, label %without, label %with
without:
  ret ptr %none
with:
  %grad = call ptr @field(ptr %autograd, i64 {GRAD})
  ret ptr %grad
}}

define internal i1 @stays(ptr %row) alwaysinline {{
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
  ret i1 %data.same
no:
  ret i1 false
}}

define internal i1 @holds(ptr %row) alwaysinline {{
  %stays = call i1 @stays(ptr %row)
  br i1 %stays, label %shape, label %no
shape:
  %impl = call ptr @field(ptr %row, i64 {8 * ROW.index("impl")})
  %shape.found = getelementptr i8, ptr %impl, i64 {START}
  %shape.known = getelementptr i64, ptr %row, i64 {ROW.index("param")}
  %mask = getelementptr i64, ptr %row, i64 {ROW.index("mask")}
  %shape.same = call i1 @alike(ptr %shape.found, ptr %shape.known, ptr %mask)
  %none = call ptr @field(ptr %row, i64 {8 * ROW.index("none")})
  %grad = call ptr @gradient(ptr %impl, ptr %none)
  %grad.is = icmp ne ptr %grad, %none
  %both = and i1 %shape.same, %grad.is
  br i1 %both, label %gradients, label %no
gradients:
  %grad.found = getelementptr i8, ptr %grad, i64 {START}
  %grad.known = getelementptr i64, ptr %row, i64 {ROW.index("grad")}
  %grad.same = call i1 @alike(ptr %grad.found, ptr %grad.known, ptr %mask)
  ret i1 %grad.same
no:
  ret i1 false
}}

define internal i1 @note(ptr %row) alwaysinline {{
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
  ret i1 true
}}

define internal i1 @waits(ptr %row) alwaysinline {{
  %object = call ptr @field(ptr %row, i64 0)
  %wanted = call ptr @field(ptr %row, i64 8)
  %none = call ptr @field(ptr %row, i64 16)
  %impl = call ptr @field(ptr %object, i64 {IMPL})
  %grad = call ptr @gradient(ptr %impl, ptr %none)
  %is = icmp ne ptr %grad, %none
  %found = zext i1 %is to i64
  %expected = ptrtoint ptr %wanted to i64
  %holds = icmp eq i64 %found, %expected
  ret i1 %holds
}}

define internal i1 @run(ptr %row) alwaysinline {{
  %step = call ptr @field(ptr %row, i64 0)
  %context = call ptr @field(ptr %row, i64 8)
  call void %step(ptr %context, i32 1)
  ret i1 true
}}

define internal i1 @all(ptr %table, i64 %width, ptr %does) alwaysinline {{
entry:
  %rows = call ptr @field(ptr %table, i64 0)
  %count.at = getelementptr i64, ptr %table, i64 1
  %count = load i64, ptr %count.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %yes
one:
  %start = mul i64 %i, %width
  %row = getelementptr i64, ptr %rows, i64 %start
  %good = call i1 %does(ptr %row)
  br i1 %good, label %next, label %no
next:
  %i.next = add i64 %i, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}

define dso_local i32 @look(ptr %tables) {{
  %states = getelementptr i64, ptr %tables, i64 2
  %others = getelementptr i64, ptr %tables, i64 4
  %launches = getelementptr i64, ptr %tables, i64 6
  %params.hold = call i1 @all(ptr %tables, i64 {len(ROW)}, ptr @holds)
  br i1 %params.hold, label %second, label %no
second:
  %states.hold = call i1 @all(ptr %states, i64 3, ptr @stays)
  br i1 %states.hold, label %third, label %no
third:
  %others.hold = call i1 @all(ptr %others, i64 3, ptr @waits)
  br i1 %others.hold, label %yes, label %no
yes:
  %noted = call i1 @all(ptr %tables, i64 {len(ROW)}, ptr @note)
  %ran = call i1 @all(ptr %launches, i64 2, ptr @run)
  ret i32 1
no:
  ret i32 0
}}

; Unrolled, it would take twice as long to compile, and run no faster.
!0 = distinct !{{!0, !1}}
!1 = !{{!"llvm.loop.unroll.disable"}}
"""

# Holding Python's lock: nobody may free a tensor while it is looked at.
Function = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Look:
    """The memory of tensors as it was, to compare with; launches so small that they are run in the same breath."""

    def __init__(
        self,
        params: Sequence[Tensor],
        targets: Sequence[int],
        states: Sequence[Tensor],
        others: Sequence[tuple[Tensor, bool]],
        launches: Sequence[tuple[int, int]],
    ) -> None:
        tables = [
            [_row(param, target) for param, target in zip(params, targets, strict=True)],
            list(map(_memory, states)),
            [[id(param), has_grad, no_gradient()] for param, has_grad in others],
            launches,
        ]
        self.tables = [np.array(rows, np.int64) for rows in tables]
        self.context = np.array([(table.ctypes.data, len(table)) for table in self.tables], np.int64)
        # Threads may each have made one: the code lives as long as this object.
        self.function, self.code = _function()
        self.address = self.context.ctypes.data

    def __call__(self) -> int:
        """Return 0 unless all is as it was; else note where gradients are, that parameters change, and launch."""
        return self.function(self.address)  # type: ignore[no-any-return]


def _row(param: Tensor, target: int) -> list[int]:
    grad = param.grad
    assert grad is not None
    offset = int(grad.storage_offset()) * grad.element_size()
    shapes = (word for tensor in (param, grad) for word in words(tensor._cdata + (shape_start() or 0), SHAPE_WORDS))
    return [*_memory(param), offset, target, no_gradient(), *mask(param.dim()), *shapes]


def _memory(tensor: Tensor) -> list[int]:
    return [id(tensor), tensor._cdata, tensor.untyped_storage().data_ptr()]


@cache
def _function() -> tuple[Any, Any]:
    """Compile the look; what is returned second keeps the code alive."""
    library = load(TEXT.replace(START, str(shape_start())), ["look"])
    return Function(library["look"]), library
