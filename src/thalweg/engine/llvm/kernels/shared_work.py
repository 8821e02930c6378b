"""What each thread does: it takes the next piece of the work until there is none."""

from __future__ import annotations

from collections.abc import Sequence

from ..language.text import ONCE, block, word
from .context import CONTEXT


def shared_work(tables: Sequence[str], piece: str, counts: Sequence[str] = ("chunk_count",)) -> str:
    """Write the function of a thread: it finds tables and counts in its context, and does its work on piece `%c`."""
    return f"""
define dso_local void @work(ptr %context) {ONCE} {{
entry:
{block(*(word(f"%{name}", "context", CONTEXT.index(name)) for name in tables))}
{block(*(word(f"%{name}", "context", CONTEXT.index(name), "i64") for name in counts))}
  %taken = getelementptr i64, ptr %context, i64 {CONTEXT.index("next_chunk")}
  br label %take

take:
  %c = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %c, %chunk_count
  br i1 %some, label %run, label %exit

run:
{piece}
  br label %take

exit:
  ret void
}}
"""
