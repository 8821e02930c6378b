"""Requests for memory some elements before their turn: left alone, the processor's own come too late.

It fetches ahead within a page, and not while a block is computed; a step of large tensors takes a fifth longer then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language.dtypes import FORMATS
from ..language.text import ATTRIBUTES, name_of
from .elements import Loop

AHEAD = 512
"""How many elements ahead: with half or twice as many, steps take up to a twentieth longer."""

NEAR = 8_192
"""Elements that the nearest cache holds: of so few, asking for some at a time would take longer than it saves."""

LINE = 64
"""Bytes of a line of the cache."""

PREFETCH = "call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 3, i32 1)"

REQUEST = f"""
define internal void @request(ptr %from, i64 %bytes) {ATTRIBUTES} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr i8, ptr %from, i64 %i
  {PREFETCH.format(at="%at")}
  %next = add nuw nsw i64 %i, {LINE}
  %done = icmp uge i64 %next, %bytes
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""


def request(it: Loop, names: Sequence[str], here: str, stride: int) -> Iterator[str]:
    """Ask for what a stride of elements needs that will come after those that start here."""
    for name in _read(it, names):
        form, x = FORMATS[it.dtypes[name]], name_of(name)
        for line in range(0, stride // form.together * form.bytes, LINE):
            at = f"{x}.ahead.{line}"
            yield f"{at} = getelementptr i8, ptr {x}.{here}, i64 {AHEAD // form.together * form.bytes + line}"
            yield PREFETCH.format(at=at)


def request_as_many(it: Loop, names: Sequence[str], here: str, count: str) -> Iterator[str]:
    """Ask for as many elements as some count says, that will come after those that start here."""
    for name in _read(it, names):
        size, x = FORMATS[it.dtypes[name]].bytes, name_of(name)
        yield f"{x}.ahead = getelementptr i8, ptr {x}.{here}, i64 {AHEAD * size}"
        yield f"{x}.bytes = mul i64 {count}, {size}"
        yield f"call void @request(ptr {x}.ahead, i64 {x}.bytes)"


def _read(it: Loop, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in it.loads("element")]
