"""A program as an LLVM module: `step` has `prepare` compute the numbers, and threads share `work` on the elements."""

from collections.abc import Mapping

import torch

from ....formula.graph.expr import BLOCK
from ....formula.tracing.program import Program
from ...pieces.line_pieces import Piece
from ...pieces.row_layout import RowLayout
from ..language.dtypes import COMPUTE, FORMATS, place_of
from ..language.text import NARROW, ONCE, block, name_of, operations, word
from . import columns, lines
from .context import CHUNK, CONTEXT, layout_of
from .elements import loop
from .finish import finish
from .lines import line_loop
from .numbers import prepare
from .shared_work import shared_work
from .stages import stages
from .strides import definitions, walk_blocks

STEP = f"""
define dso_local void @step(ptr %context, i32 %threads) {ONCE} {{
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


# What loops are told: few vectors side by side, as what is left over at the end of a line is done one by one. Where
# series are long, each of their terms waits for the one before, and eight vectors fill the time: an element of NoisySGD
# takes 1.33 ns with two, 1.18 with four, and 1.07 with eight.
TOLD = """
!0 = distinct !{!0, !1, !2}
!1 = !{!"llvm.loop.vectorize.width", i32 8}
!2 = !{!"llvm.loop.interleave.count", i32 1}
!3 = distinct !{!3, !4}
!4 = !{!"llvm.loop.interleave.count", i32 2}
!5 = distinct !{!5, !6}
!6 = !{!"llvm.loop.interleave.count", i32 8}
"""

FINISH = f"""
define dso_local void @finish(ptr %context) {ONCE} {{
  call void @finish_totals(ptr %context)
  call void @finish_columns(ptr %context)
  ret void
}}
"""


def render(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a program for tensors of these dtypes; `compute` is the one to compute in."""
    layout = layout_of(program)
    kinds = sorted({COMPUTE[dtypes["compute"]], "double"})
    parts = [
        *map(operations, kinds),
        NARROW,
        *(over_lines if program.has_lines else over_elements)(program, dtypes, layout),
        prepare(program, dtypes, layout),
        STEP,
        TOLD,
    ]
    return "\n".join(part.strip() + "\n" for part in parts)


def over_elements(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Write what goes from element to element."""
    it = stages(program, dtypes)
    return [
        loop(it.first),
        *([loop(it.second)] if it.second else []),
        *definitions(it),
        walk_blocks(it),
        work(program, dtypes, layout),
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


def work(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> str:
    """Write what each thread does with a chunk."""
    tables = ("rows", "gradients", "chunks", "sums")
    passed = ", ".join(f"ptr {name_of(name)}.start" for name in program.tensors)
    piece = f"""\
  %chunk.start = mul i64 %c, {len(CHUNK)}
  %chunk = getelementptr i64, ptr %chunks, i64 %chunk.start
{block(*(word(f"%{name}", "chunk", place, "i64") for place, name in enumerate(CHUNK)))}
  %row.start = mul i64 %row.index, {layout.width}
  %row = getelementptr i64, ptr %rows, i64 %row.start
  %first.pair = mul i64 %first.index, {BLOCK // 2}
  %sums.start = mul i64 %c, {len(program.totals)}
  %chunk.sums = getelementptr double, ptr %sums, i64 %sums.start
{block(*(start(name, program, dtypes, layout) for name in program.tensors))}
{block(word("%slots", "row", layout.word("slots")))}
  call void @blocks({passed}, ptr %slots, ptr %chunk.sums, i64 %place, i64 %length)"""
    return shared_work(tables, piece)


def start(name: str, program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Find where a chunk starts in a tensor."""
    where = ("gradients", "%row.index") if name == "grad" else ("row", layout.tensor(name))
    kind, x = FORMATS[dtypes[name]].type, name_of(name)
    place = place_of("%first", name in program.blocks, dtypes[name])
    return [*word(f"{x}.base", *where), f"{x}.start = getelementptr {kind}, ptr {x}.base, i64 {place}"]
