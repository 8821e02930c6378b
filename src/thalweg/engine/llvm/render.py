"""A program as an LLVM module: `step` has `prepare` compute the numbers, and threads share `work` on the elements."""

from collections.abc import Mapping

import torch

from ...formula.passes import Program
from .elements import elements
from .formats import COMPUTE, FORMATS
from .layout import CHUNK, CONTEXT, RowLayout, row_layout
from .numbers import prepare
from .text import DEFINITIONS, SUFFIX, block, word

EXTERNAL = """
declare double @power(double, double)
declare void @run_parallel(ptr, ptr, i32, i32)
"""

STEP = """
define void @step(ptr %context, i32 %threads) {
entry:
  call void @prepare(ptr %context)
  %alone = icmp sle i32 %threads, 1
  br i1 %alone, label %here, label %shared

here:
  call void @work(ptr %context)
  ret void

shared:
  call void @run_parallel(ptr @work, ptr %context, i32 %threads, i32 0)
  ret void
}
"""


def render(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a program for tensors of these dtypes; `compute` is the one to compute in."""
    layout = row_layout(program)
    kinds = sorted({COMPUTE[dtypes["compute"]], "double"})
    parts = [
        *(DEFINITIONS.format(type=kind, suffix=SUFFIX[kind]) for kind in kinds),
        EXTERNAL,
        elements(program, dtypes),
        prepare(program, dtypes, layout),
        work(program, dtypes, layout),
        STEP,
    ]
    return "\n".join(part.strip() + "\n" for part in parts)


def work(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> str:
    """Write what each thread does: take the next chunk until there is none."""
    passed = ", ".join(f"ptr %{name}.start" for name in program.tensors)
    return f"""
define void @work(ptr %context) {{
entry:
{block(*(word(name, "context", CONTEXT.index(name)) for name in ("rows", "gradients", "chunks")))}
{block(word("chunk_count", "context", CONTEXT.index("chunk_count"), "i64"))}
  %taken = getelementptr i64, ptr %context, i64 {CONTEXT.index("next_chunk")}
  br label %take

take:
  %c = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %c, %chunk_count
  br i1 %some, label %run, label %exit

run:
  %chunk.start = mul i64 %c, {len(CHUNK)}
  %chunk = getelementptr i64, ptr %chunks, i64 %chunk.start
{block(*(word(name, "chunk", place, "i64") for place, name in enumerate(CHUNK)))}
  %row.start = mul i64 %row.index, {layout.width}
  %row = getelementptr i64, ptr %rows, i64 %row.start
{block(*(start(name, dtypes, layout) for name in program.tensors))}
{block(word("slots", "row", layout.slots))}
  call void @elements({passed}, ptr %slots, i64 %length)
  br label %take

exit:
  ret void
}}
"""


def start(name: str, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> list[str]:
    """Find where a chunk starts in a tensor."""
    place = ("gradients", "%row.index") if name == "grad" else ("row", layout.tensor(name))
    kind = FORMATS[dtypes[name]].type
    return [*word(f"{name}.base", *place), f"%{name}.start = getelementptr {kind}, ptr %{name}.base, i64 %first"]
