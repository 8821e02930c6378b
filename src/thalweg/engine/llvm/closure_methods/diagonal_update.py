"""The diagonal that L-BFGS begins from, compiled: `directions/first_diagonal.py` says what it learns, and why."""

from __future__ import annotations

from ..language.text import literal
from ..language.vectors import NARROW, WIDEN, again, number

FARTHEST = 1e12
"""How many times larger or smaller than y'y / s'y a number of the diagonal may become."""


def learning(kind: str) -> str:
    """Write `learn_diagonal(diagonal, inverse, s, z, y_y, margin, n)` for a pair in the unit of length of s'y = 1."""
    arrays = "ptr noalias %diagonal, ptr noalias %inverse, ptr %s, ptr %z"
    return f"""
define internal void @learn_diagonal({arrays}, double %y_y, double %margin, i64 %n) alwaysinline {{
{foretelling(kind)}
{changing(kind)}
}}
"""


def foretelling(kind: str) -> str:
    """Write the sums s's, s'Bs and y' B^-1 y, and whether the diagonal has foretold the pair better than a number."""
    widen = WIDEN[kind].format
    return f"""
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %length.before = phi double [ 0.0, %entry ], [ %length, %loop ]
  %foretold.before = phi double [ 0.0, %entry ], [ %foretold, %loop ]
  %undone.before = phi double [ 0.0, %entry ], [ %undone, %loop ]
  {number("diagonal", kind)}
  {number("s", kind)}
  {number("z", kind)}
  %b = {widen("%diagonal.i")}
  %s.wide = {widen("%s.i")}
  %z.wide = {widen("%z.i")}
  %s.s = fmul double %s.wide, %s.wide
  %s.b.s = fmul double %s.s, %b
  %z.z = fmul double %z.wide, %z.wide
  %z.h.z = fdiv double %z.z, %b
  %length = fadd reassoc double %length.before, %s.s
  %foretold = fadd reassoc double %foretold.before, %s.b.s
  %undone = fadd reassoc double %undone.before, %z.h.z
  {again("n")}
exit:
  %scale = fdiv double %undone, %y_y
  %spread = fmul double %scale, %foretold
  %enough = fmul double %spread, %margin
  %fits = fcmp ole double %enough, %length
  br label %change
"""


def changing(kind: str) -> str:
    """Write BFGS's update of the scaled diagonal, scale (B - B s s'B / s'Bs) + y y' / y'y, and the inverse in use."""
    widen, narrow = WIDEN[kind].format, NARROW[kind].format
    least, most = literal(1 / FARTHEST, "double"), literal(FARTHEST, "double")
    return f"""
change:
  %k = phi i64 [ 0, %exit ], [ %k.next, %change ]
  %old.at = getelementptr {kind}, ptr %diagonal, i64 %k
  %old.kind = load {kind}, ptr %old.at
  %s.at.k = getelementptr {kind}, ptr %s, i64 %k
  %s.kind = load {kind}, ptr %s.at.k
  %z.at.k = getelementptr {kind}, ptr %z, i64 %k
  %z.kind = load {kind}, ptr %z.at.k
  %old = {widen("%old.kind")}
  %s.k = {widen("%s.kind")}
  %z.k = {widen("%z.kind")}
  %square = fmul double %s.k, %s.k
  %part = fmul double %square, %old
  %share = fdiv double %part, %foretold
  %left = fsub double 1.0, %share
  %kept = fmul double %left, %old
  %scaled = fmul double %kept, %scale
  %z.square = fmul double %z.k, %z.k
  %seen = fdiv double %z.square, %y_y
  %new = fadd double %scaled, %seen
  %small = fcmp olt double %new, {least}
  %raised = select i1 %small, double {least}, double %new
  %large = fcmp ogt double %raised, {most}
  %bounded = select i1 %large, double {most}, double %raised
  %new.kind = {narrow("%bounded")}
  %new.wide = {widen("%new.kind")}
  %inverted = fdiv double 1.0, %new.wide
  %used = select i1 %fits, double %inverted, double 1.0
  %used.kind = {narrow("%used")}
  store {kind} %new.kind, ptr %old.at
  %inverse.at = getelementptr {kind}, ptr %inverse, i64 %k
  store {kind} %used.kind, ptr %inverse.at
  %k.next = add i64 %k, 1
  %k.done = icmp eq i64 %k.next, %n
  br i1 %k.done, label %changed, label %change
changed:
  ret void
"""
