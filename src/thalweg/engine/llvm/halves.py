"""From where to where a loop over elements runs: from the first to the last, or over each half of a block by itself.

Where two elements share a byte, it is read and written once for each half: so neighbours in a loop are neighbours in
memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ...formula.expr import BLOCK

HALF = BLOCK // 2


@dataclass(frozen=True)
class Range:
    """What stands around a loop."""

    first: str = "0"
    end: str = "%length"
    before: str = "entry"
    """The label of what comes before it."""
    after: str = "exit"
    """The label of what comes after it."""
    head: str = ""
    tail: str = ""

    def number(self) -> Iterator[str]:
        """Number the first element."""
        yield f"%element.place = add i64 %first, {self.first}"
        yield "%element.first = trunc i64 %element.place to i32"

    def find_byte(self) -> Iterator[str]:
        """Find the byte of an element."""
        yield f"%byte.place = sub nuw nsw i64 %i, {self.first}"


WHOLE = Range()

HALVES = Range(
    "%half.first",
    "%half.end",
    "half.begin",
    "half.done",
    head=f"""  br label %half.begin

half.begin:
  %half.first = phi i64 [ 0, %entry ], [ {HALF}, %half.done ]
  %half.shift = phi i32 [ 0, %entry ], [ 4, %half.done ]
  %half.kept = phi i32 [ 0, %entry ], [ 15, %half.done ]
  %half.whole = add nuw nsw i64 %half.first, {HALF}
  %half.is_whole = icmp ult i64 %half.whole, %length
  %half.end = select i1 %half.is_whole, i64 %half.whole, i64 %length""",
    tail="""
half.done:
  %half.more = icmp ult i64 %half.end, %length
  br i1 %half.more, label %half.begin, label %exit
""",
)
