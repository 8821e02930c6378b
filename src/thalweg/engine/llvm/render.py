"""A program as an LLVM module: `step` has `prepare` compute the numbers, and threads share `work` on the elements."""

from collections.abc import Mapping

import torch

from ...formula.expr import BLOCK
from ...formula.passes import Program
from ..lines import Piece
from . import columns, lines, power
from .blocks import definitions, walk_blocks
from .elements import loop
from .formats import COMPUTE, FORMATS, place_of
from .layout import CHUNK, CONTEXT, RowLayout, row_layout
from .lines import line_loop
from .numbers import prepare
from .stages import Stages, stages
from .text import ATTRIBUTES, DEFINITIONS, NARROW, SUFFIX, block, name_of, word

STEP = f"""
define dso_local void @step(ptr %context, i32 %threads) {ATTRIBUTES} {{
entry:
  call void @prepare(ptr %context)
  %alone = icmp sle i32 %threads, 1
  br i1 %alone, label %here, label %shared

here:
  call void @work(ptr %context)
  call void @finish(ptr %context)
  ret void

shared:
  %run_parallel.word = getelementptr i64, ptr %context, i64 {CONTEXT.index("run_parallel")}
  %run_parallel = load ptr, ptr %run_parallel.word
  call void %run_parallel(ptr @work, ptr %context, i32 %threads, i32 0)
  call void @finish(ptr %context)
  ret void
}}
"""


FINISH = f"""
define dso_local void @finish(ptr %context) {ATTRIBUTES} {{
  call void @finish_totals(ptr %context)
  call void @finish_columns(ptr %context)
  ret void
}}
"""


def render(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a program for tensors of these dtypes; `compute` is the one to compute in."""
    layout = row_layout(program)
    numbers = prepare(program, dtypes, layout)
    kinds = sorted({COMPUTE[dtypes["compute"]], "double"})
    parts = [
        *(DEFINITIONS.format(type=kind, suffix=SUFFIX[kind]) for kind in kinds),
        NARROW,
        *(over_lines if program.has_lines else over_elements)(program, dtypes, layout),
        numbers,
        STEP,
        *([power.definition()] if "@power(" in numbers else []),
    ]
    return "\n".join(part.strip() + "\n" for part in parts)


def over_elements(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Write what goes from element to element, or from block to block."""
    it = stages(program, dtypes)
    return [
        loop(it.first),
        *([loop(it.second)] if it.second else []),
        *([] if it.is_whole else [*definitions(it), walk_blocks(it)]),
        work(program, dtypes, layout, it),
        finish(len(program.totals)),
    ]


def over_lines(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Write what goes from line to line."""
    it = line_loop(program, dtypes)
    return [
        columns.definitions(it),
        loop(it),
        lines.walk_lines(program, it),
        lines.work_on_lines(program, dtypes, layout, it),
        columns.finish_columns(program, it, layout),
        finish(len(program.totals), len(Piece._fields), "finish_totals"),
        FINISH,
    ]


def work(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout, it: Stages) -> str:
    """Write what each thread does: take the next chunk until there is none."""
    tables = ("rows", "gradients", "chunks", "sums")
    passed = ", ".join(f"ptr {name_of(name)}.start" for name in program.tensors)
    call = "@elements" if it.is_whole else "@blocks"
    sums = "" if it.is_whole else " ptr %chunk.sums,"
    return f"""
define dso_local void @work(ptr %context) {it.first.attributes} {{
entry:
{block(*(word(f"%{name}", "context", CONTEXT.index(name)) for name in tables))}
{block(word("%chunk_count", "context", CONTEXT.index("chunk_count"), "i64"))}
  %taken = getelementptr i64, ptr %context, i64 {CONTEXT.index("next_chunk")}
  br label %take

take:
  %c = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %c, %chunk_count
  br i1 %some, label %run, label %exit

run:
  %chunk.start = mul i64 %c, {len(CHUNK)}
  %chunk = getelementptr i64, ptr %chunks, i64 %chunk.start
{block(*(word(f"%{name}", "chunk", place, "i64") for place, name in enumerate(CHUNK)))}
  %row.start = mul i64 %row.index, {layout.width}
  %row = getelementptr i64, ptr %rows, i64 %row.start
  %first.index = lshr i64 %first, {BLOCK.bit_length() - 1}
  %first.pair = lshr i64 %first, 1
  %sums.start = mul i64 %c, {len(program.totals)}
  %chunk.sums = getelementptr double, ptr %sums, i64 %sums.start
{block(*(start(name, program, dtypes, layout) for name in program.tensors))}
{block(word("%slots", "row", layout.slots))}
  call void {call}({passed}, ptr %slots,{sums} i64 %first, i64 %length)
  br label %take

exit:
  ret void
}}
"""


def start(name: str, program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Find where a chunk starts in a tensor."""
    where = ("gradients", "%row.index") if name == "grad" else ("row", layout.tensor(name))
    kind, x = FORMATS[dtypes[name]].type, name_of(name)
    place = place_of("%first", name in program.blocks, dtypes[name])
    return [*word(f"{x}.base", *where), f"{x}.start = getelementptr {kind}, ptr {x}.base, i64 {place}"]


def finish(count: int, words: int = len(CHUNK), name: str = "finish") -> str:
    """Write what is left when all elements are done: the sums of each row's chunks.

    They are added as elements are: in columns, 256 chunks after the other, and those pairwise.
    """
    if not count:
        return f"define dso_local void @{name}(ptr %context) {ATTRIBUTES} {{\n  ret void\n}}\n"
    return ADD + fold(count) + rows_finished(count, words, name)


ADD = f"""
define internal void @add(ptr %to, ptr %from, i64 %count) {ATTRIBUTES} {{
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %one, label %exit

one:
  %i = phi i64 [ 0, %entry ], [ %i.next, %one ]
  %to.at = getelementptr double, ptr %to, i64 %i
  %from.at = getelementptr double, ptr %from, i64 %i
  %a = load double, ptr %to.at
  %b = load double, ptr %from.at
  %sum = fadd double %a, %b
  store double %sum, ptr %to.at
  %i.next = add i64 %i, 1
  %done = icmp eq i64 %i.next, %count
  br i1 %done, label %exit, label %one

exit:
  ret void
}}
"""


def fold(count: int) -> str:
    """Write what adds the second half of some columns to the first, until one is left; 256 of them at most."""
    return f"""
define internal void @fold(ptr %sums, i64 %columns) {ATTRIBUTES} {{
entry:
  br label %level

level:
  %half = phi i64 [ {BLOCK // 2}, %entry ], [ %half.next, %level ]
  %left = phi i64 [ %columns, %entry ], [ %kept, %level ]
  %more = sub i64 %left, %half
  %shift = mul i64 %half, {count}
  %from = getelementptr double, ptr %sums, i64 %shift
  %terms = mul i64 %more, {count}
  call void @add(ptr %sums, ptr %from, i64 %terms)
  %is_more = icmp sgt i64 %more, 0
  %kept = select i1 %is_more, i64 %half, i64 %left
  %half.next = lshr i64 %half, 1
  %one_is_left = icmp eq i64 %half.next, 0
  br i1 %one_is_left, label %exit, label %level

exit:
  ret void
}}
"""


def rows_finished(count: int, words: int, name: str) -> str:
    """Write what goes over all chunks, and leaves the sums of a row when its last one has come."""
    return f"""
define dso_local void @{name}(ptr %context) {ATTRIBUTES} {{
entry:
{block(*(word(f"%{name}", "context", CONTEXT.index(name)) for name in ("chunks", "sums", "totals")))}
{block(*(word(f"%{name}", "context", CONTEXT.index(name), "i64") for name in ("chunk_count", "row_count")))}
  %total.count = mul i64 %row_count, {count}
  %no_rows = icmp eq i64 %total.count, 0
  br i1 %no_rows, label %exit, label %clear

clear:
  %t = phi i64 [ 0, %entry ], [ %t.next, %clear ]
  %cleared.at = getelementptr double, ptr %totals, i64 %t
  store double 0.0, ptr %cleared.at
  %t.next = add i64 %t, 1
  %cleared = icmp eq i64 %t.next, %total.count
  br i1 %cleared, label %begin, label %clear

begin:
  %some = icmp sgt i64 %chunk_count, 0
  br i1 %some, label %chunk, label %exit

chunk:
  %c = phi i64 [ 0, %begin ], [ %c.next, %next ]
  %first = phi i64 [ 0, %begin ], [ %first.next, %next ]
  %c.next = add i64 %c, 1
  %chunk.start = mul i64 %c, {words}
  %chunk.at = getelementptr i64, ptr %chunks, i64 %chunk.start
  %row = load i64, ptr %chunk.at
  %piece = sub i64 %c, %first
  %column = and i64 %piece, {BLOCK - 1}
  %to = add i64 %first, %column
{block(*(_sums_of(chunk, count) for chunk in ("to", "c", "first")))}
  %is_later = icmp ne i64 %to, %c
  %terms = select i1 %is_later, i64 {count}, i64 0
  call void @add(ptr %to.sums, ptr %c.sums, i64 %terms)
  %is_last = icmp eq i64 %c.next, %chunk_count
  br i1 %is_last, label %row_ends, label %look

look:
  %next.at = getelementptr i64, ptr %chunk.at, i64 {words}
  %next.row = load i64, ptr %next.at
  %is_same = icmp eq i64 %next.row, %row
  br i1 %is_same, label %next, label %row_ends

row_ends:
  %pieces = add i64 %piece, 1
  %is_short = icmp slt i64 %pieces, {BLOCK}
  %columns = select i1 %is_short, i64 %pieces, i64 {BLOCK}
  call void @fold(ptr %first.sums, i64 %columns)
  %total.start = mul i64 %row, {count}
  %total.at = getelementptr double, ptr %totals, i64 %total.start
  call void @add(ptr %total.at, ptr %first.sums, i64 {count})
  br label %next

next:
  %first.next = phi i64 [ %first, %look ], [ %c.next, %row_ends ]
  %done = icmp eq i64 %c.next, %chunk_count
  br i1 %done, label %exit, label %chunk

exit:
  ret void
}}
"""


def _sums_of(chunk: str, count: int) -> list[str]:
    """Find the sums of a chunk."""
    return [
        f"%{chunk}.start = mul i64 %{chunk}, {count}",
        f"%{chunk}.sums = getelementptr double, ptr %sums, i64 %{chunk}.start",
    ]
