"""The walk over a chunk, a stride of elements after the other, while memory is fetched for later ones.

Where blocks matter, a stride is a block: what a loop leaves in its buffers is looked at by the next one. The columns
that sums are taken in are added pairwise at the end: an order that depends on nothing but the size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....formula.graph.expr import BLOCK
from ..language.dtypes import FORMATS, place_of
from ..language.text import ATTRIBUTES, block, name_of
from .elements import Loop, nothing_counted
from .memory_ahead import NEAR, request
from .packed import PACK, UNPACK
from .pairwise import fold
from .stages import Stages

ZERO = f"""
define internal void @zero(ptr noalias %columns) {ATTRIBUTES} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds double, ptr %columns, i64 %i
  store double 0.0, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, {BLOCK}
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  ret void
}}
"""


def peak(kind: str) -> str:
    """Find the largest size among numbers of a type: with no sign, their bits are in the order of their sizes."""
    whole, sizes = {"float": ("i32", 2**31 - 1), "double": ("i64", 2**63 - 1)}[kind]
    return f"""
define internal {kind} @peak(ptr noalias %buffer, i64 %length) {ATTRIBUTES} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %largest = phi {whole} [ 0, %entry ], [ %larger, %loop ]
  %at = getelementptr inbounds {whole}, ptr %buffer, i64 %i
  %bits = load {whole}, ptr %at
  %size = and {whole} %bits, {sizes}
  %is_larger = icmp ugt {whole} %size, %largest
  %larger = select i1 %is_larger, {whole} %size, {whole} %largest
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %length
  br i1 %done, label %exit, label %loop
exit:
  %number = bitcast {whole} %larger to {kind}
  ret {kind} %number
}}
"""


def definitions(it: Stages) -> Iterator[str]:
    """Write what the walk calls."""
    if it.peaks:
        yield peak(it.first.compute)
    if it.first.sums:
        yield ZERO + fold("total")
    if it.packed:
        yield UNPACK + PACK


def walk_blocks(it: Stages) -> str:
    """Write the walk over a chunk."""
    given = [name for name in it.first.tensors if name not in it.buffers]
    places = {name: f"{name_of(name)}.block" for name in given} | {name: f"{name_of(name)}.here" for name in it.packed}
    places |= {name: f"{name_of(name)}.start" for name in it.buffers}
    arguments = ", ".join([*(f"ptr {name_of(name)}.start" for name in given), "ptr %slots", "ptr %sums", "i64 %first"])
    return f"""
define internal void @blocks({arguments}, i64 %length) {ATTRIBUTES} {{
entry:
{block(f"{x}.start = alloca [{BLOCK} x {it.first.compute}], align 64" for x in map(name_of, it.buffers))}
{block(f"{x}.codes = alloca [{BLOCK} x i8], align 64" for x in map(name_of, it.packed))}
{block(f"{x}.columns = alloca [{BLOCK} x double], align 64" for x in map(name_of, it.first.sums))}
{block(f"call void @zero(ptr {x}.columns)" for x in map(name_of, it.first.sums))}
{block(nothing_counted(it.first.counts, it.totals, "%sums"))}
; What the nearest cache holds is done at once, where blocks do not matter.
  %is_near = icmp ule i64 %length, {NEAR if it.stride < BLOCK else 0}
  br label %loop

loop:
  %b = phi i64 [ 0, %entry ], [ %next, %loop ]
  %b.index = phi i64 [ 0, %entry ], [ %index.next, %loop ]
  %left = sub i64 %length, %b
  %place = add i64 %first, %b
; Of a shard, the first block may have begun before.
  %before = and i64 %place, {it.stride - 1}
  %room.far = sub i64 {it.stride}, %before
  %room = select i1 %is_near, i64 %length, i64 %room.far
  %is_whole = icmp ugt i64 %left, %room
  %count = select i1 %is_whole, i64 %room, i64 %left
  %b.pair = mul i64 %b.index, {BLOCK // 2}
{block(f"{x}.here = getelementptr i8, ptr {x}.codes, i64 %before" for x in map(name_of, it.packed))}
{block(f"{x}.columns.here = getelementptr double, ptr {x}.columns, i64 %before" for x in map(name_of, it.first.sums))}
{block(_of_block(it.first, given), request(it.first, given, "block", it.stride))}
{block(f"call void @unpack(ptr {x}.block, ptr {x}.codes)" for x in map(name_of, it.packed))}
  {_call(it.first, places)}
{block(_between(it, places))}
{block(f"call void @pack(ptr {x}.block, ptr {x}.codes)" for x in map(name_of, it.repacked))}
  %next = add i64 %b, %count
  %index.next = add i64 %b.index, 1
  %done = icmp uge i64 %next, %length
  br i1 %done, label %exit, label %loop

exit:
{block(_sums(it))}
  ret void
}}
"""


def _of_block(first: Loop, given: list[str]) -> Iterator[str]:
    """Find where a block starts in each tensor."""
    for name in given:
        kind = FORMATS[first.dtypes[name]].type
        place = place_of("%b", name in first.blocks, first.dtypes[name])
        yield f"{name_of(name)}.block = getelementptr {kind}, ptr {name_of(name)}.start, i64 {place}"


def _call(it: Loop, places: Mapping[str, str]) -> str:
    tensors = [f"ptr {places[name]}" for name in it.tensors]
    columns = [f"ptr {name_of(name)}.columns.here" for name in it.sums]
    columns += [f"ptr {name_of(name)}.count" for name in it.counts]
    peaks = [f"{it.compute} {name_of(name)}" for name in it.peaks]
    return f"call void @{it.name}({', '.join([*tensors, *columns, *peaks, 'ptr %slots', 'i64 %place', 'i64 %count'])})"


def _between(it: Stages, places: Mapping[str, str]) -> Iterator[str]:
    for name, buffer in it.peaks.items():
        yield f"{name_of(name)} = call {it.first.compute} @peak(ptr {name_of(buffer)}.start, i64 %count)"
    if it.second:
        yield _call(it.second, places)


def _sums(it: Stages) -> Iterator[str]:
    for place, x in ((it.totals.index(name), name_of(name)) for name in it.first.sums):
        yield f"{x} = call double @fold.total(ptr {x}.columns)"
        yield f"{x}.at = getelementptr double, ptr %sums, i64 {place}"
        yield f"store double {x}, ptr {x}.at"
