"""From where to where a loop over elements runs: from the first to the last, or over each half of a block by itself.

Where two elements share a byte, it is read and written once for each half: so neighbours in a loop are neighbours in
memory.
"""

from dataclasses import dataclass

from ...formula.expr import BLOCK


@dataclass(frozen=True)
class Range:
    """What stands around a loop."""

    entry: str
    """The label that it is entered from."""
    first: str
    end: str
    exit: str
    """The label that it is left for."""
    first_element: tuple[str, ...]
    """The lines that number its first element."""
    head: str = ""
    tail: str = ""
    place: tuple[str, ...] = ()
    """The lines that find the byte of an element."""


WHOLE = Range("entry", "0", "%length", "exit", ("%element.first = trunc i64 %first to i32",))

HALF = BLOCK // 2

HALVES = Range(
    "half",
    "%from",
    "%end",
    "halved",
    ("%first.here = add i64 %first, %from", "%element.first = trunc i64 %first.here to i32"),
    f"""  br label %half

half:
  %from = phi i64 [ 0, %entry ], [ {HALF}, %halved ]
  %shift = phi i32 [ 0, %entry ], [ 4, %halved ]
  %kept = phi i32 [ 0, %entry ], [ 15, %halved ]
  %half.end = add nuw nsw i64 %from, {HALF}
  %is_whole = icmp ult i64 %half.end, %length
  %end = select i1 %is_whole, i64 %half.end, i64 %length""",
    """
halved:
  %more = icmp ult i64 %end, %length
  br i1 %more, label %half, label %exit
""",
    ("%pair = sub nuw nsw i64 %i, %from",),
)
