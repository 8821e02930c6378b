"""The words that the kernels of the CPU are called with, at places that both sides look up here."""

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
    "add_up",
)
"""Addresses of tables and functions, and counts."""

CHUNK = ("row.index", "first", "length", "place", "first.index")
"""The words of a piece of one tensor, as `launch.Chunk` has them."""

ROW = ("options", "slots")
"""The last words of a parameter's row: where its group's options are, and what the kernel computes from them."""
