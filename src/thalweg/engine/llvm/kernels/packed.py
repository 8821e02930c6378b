"""Codes of 4 bits, two to a byte: a block's are taken apart before its loops see them, and put together afterwards.

Bytes are cheap to work on, 64 at a time where vectors are wide, and the loops are those for codes of 8 bits.
"""

from ....formula.graph.expr import BLOCK
from ..language.text import ATTRIBUTES, block

HALF = BLOCK // 2


def over_pairs(name: str, *body: str) -> str:
    """Write a function of the bytes and the codes of a block, with what it does to each byte and its two codes."""
    return f"""
define internal void @{name}(ptr noalias %pairs, ptr noalias %codes) {ATTRIBUTES} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %other = add nuw nsw i64 %i, {HALF}
  %pair.at = getelementptr inbounds i8, ptr %pairs, i64 %i
  %low.at = getelementptr inbounds i8, ptr %codes, i64 %i
  %high.at = getelementptr inbounds i8, ptr %codes, i64 %other
{block(body)}
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, {HALF}
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""


UNPACK = over_pairs(
    "unpack",
    "%pair = load i8, ptr %pair.at",
    "%low = and i8 %pair, 15",
    "%high = lshr i8 %pair, 4",
    "store i8 %low, ptr %low.at",
    "store i8 %high, ptr %high.at",
)

PACK = over_pairs(
    "pack",
    "%low = load i8, ptr %low.at",
    "%high = load i8, ptr %high.at",
    "%shifted = shl i8 %high, 4",
    "%pair = or i8 %low, %shifted",
    "store i8 %pair, ptr %pair.at",
)
