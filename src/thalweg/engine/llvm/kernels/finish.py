"""What is left when all elements are done: the sums of each row's chunks, added in an order that never changes."""

from ....formula.graph.expr import BLOCK
from ..language.text import ONCE, SMALL, block, word
from ..machine_code.effort import SELDOM
from ..machine_code.load import shared
from .context import CHUNK, CONTEXT


def finish(count: int, words: int = len(CHUNK), name: str = "finish") -> str:
    """Write what is left when all elements are done: a call of what all kernels share, with a chunk's sums and words.

    They are added as elements are: in columns, 256 chunks after the other, and those pairwise.
    """
    call = [
        *word("%add_up", "context", CONTEXT.index("add_up")),
        f"call void %add_up(ptr %context, i64 {count}, i64 {words})",
    ]
    return f"define dso_local void @{name}(ptr %context) {ONCE} {{\n{block(call if count else [])}\n  ret void\n}}\n"


def address() -> int:
    """Where the function is that adds up the sums of all rows' chunks."""
    return shared("add_up", text, SELDOM)


ADD = f"""
define internal void @add(ptr %to, ptr %from, i64 %count) {SMALL} {{
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


# What adds the second half of some columns to the first, until one is left; 256 of them at most.
FOLD = f"""
define internal void @fold(ptr %sums, i64 %columns, i64 %count) {SMALL} {{
entry:
  br label %level

level:
  %half = phi i64 [ {BLOCK // 2}, %entry ], [ %half.next, %level ]
  %left = phi i64 [ %columns, %entry ], [ %kept, %level ]
  %more = sub i64 %left, %half
  %shift = mul i64 %half, %count
  %from = getelementptr double, ptr %sums, i64 %shift
  %terms = mul i64 %more, %count
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


# Zeros for the totals of all rows: an empty one has no chunk that comes last.
CLEARED = """
  %total.count = mul i64 %row_count, %count
  %no_rows = icmp eq i64 %total.count, 0
  br i1 %no_rows, label %exit, label %clear

clear:
  %t = phi i64 [ 0, %entry ], [ %t.next, %clear ]
  %cleared.at = getelementptr double, ptr %totals, i64 %t
  store double 0.0, ptr %cleared.at
  %t.next = add i64 %t, 1
  %cleared = icmp eq i64 %t.next, %total.count
  br i1 %cleared, label %begin, label %clear
"""


def text() -> str:
    """Write what goes over all chunks, and leaves the sums of a row when its last one has come."""
    return f"""{ADD}{FOLD}
define dso_local void @add_up(ptr %context, i64 %count, i64 %words) {SMALL} {{
entry:
{context("ptr", "chunks", "sums", "totals")}
{context("i64", "chunk_count", "row_count")}
{CLEARED}
begin:
  %some = icmp sgt i64 %chunk_count, 0
  br i1 %some, label %chunk, label %exit

chunk:
  %c = phi i64 [ 0, %begin ], [ %c.next, %next ]
  %first = phi i64 [ 0, %begin ], [ %first.next, %next ]
  %c.next = add i64 %c, 1
  %chunk.start = mul i64 %c, %words
  %chunk.at = getelementptr i64, ptr %chunks, i64 %chunk.start
  %row = load i64, ptr %chunk.at
  %piece = sub i64 %c, %first
  %column = and i64 %piece, {BLOCK - 1}
  %to = add i64 %first, %column
{block(*(_sums_of(chunk) for chunk in ("to", "c", "first")))}
  %is_later = icmp ne i64 %to, %c
  %terms = select i1 %is_later, i64 %count, i64 0
  call void @add(ptr %to.sums, ptr %c.sums, i64 %terms)
  %is_last = icmp eq i64 %c.next, %chunk_count
  br i1 %is_last, label %row_ends, label %look

look:
  %next.at = getelementptr i64, ptr %chunk.at, i64 %words
  %next.row = load i64, ptr %next.at
  %is_same = icmp eq i64 %next.row, %row
  br i1 %is_same, label %next, label %row_ends

row_ends:
  %pieces = add i64 %piece, 1
  %is_short = icmp slt i64 %pieces, {BLOCK}
  %columns = select i1 %is_short, i64 %pieces, i64 {BLOCK}
  call void @fold(ptr %first.sums, i64 %columns, i64 %count)
  %total.start = mul i64 %row, %count
  %total.at = getelementptr double, ptr %totals, i64 %total.start
  call void @add(ptr %total.at, ptr %first.sums, i64 %count)
  br label %next

next:
  %first.next = phi i64 [ %first, %look ], [ %c.next, %row_ends ]
  %done = icmp eq i64 %c.next, %chunk_count
  br i1 %done, label %exit, label %chunk

exit:
  ret void
}}
"""


def context(kind: str, *names: str) -> str:
    """Read words of the context."""
    return block(*(word(f"%{name}", "context", CONTEXT.index(name), kind) for name in names))


def _sums_of(chunk: str) -> list[str]:
    """Find the sums of a chunk."""
    return [
        f"%{chunk}.start = mul i64 %{chunk}, %count",
        f"%{chunk}.sums = getelementptr double, ptr %sums, i64 %{chunk}.start",
    ]
