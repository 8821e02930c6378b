"""The words that the kernels of the CPU are called with, at places that both sides look up here."""

from ....formula.tracing.program import Program
from ...pieces.row_layout import RowLayout, row_layout

CONTEXT = (
    "rows",
    "gradients",
    "chunks",
    "chunk_count",
    "next_chunk",
    "row_count",
    "slots",
    "sums",
    "totals",
    "partials",
    "partial_count",
    "run_parallel",
    "power",
    "powers",
    "add_up",
)
"""Addresses of tables and functions, and counts."""

CHUNK = ("row.index", "first", "length", "place", "first.index")
"""The words of a piece of one tensor, as `launch.Chunk` has them."""

ROW = ("options", "slots")
"""The last words of a parameter's row: where its group's options are, and what the kernel computes from them."""


def layout_of(program: Program) -> RowLayout:
    """Lay out a row; along lines it has only what the pass touches, so that passes that do the same are equal."""
    return row_layout(program, ROW, program.touched if program.has_lines else ())
