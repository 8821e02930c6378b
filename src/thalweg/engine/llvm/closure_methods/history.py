"""L-BFGS's products with its history, compiled: calls of torch would take longer than their arithmetic."""

from __future__ import annotations

import ctypes
import struct
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..language.text import ATTRIBUTES, block, word
from ..language.vectors import KINDS, NARROW, WIDEN, definitions
from .diagonal_update import learning

TABLE = ("s", "z", "above", "y_y", "diagonal", "inverse", "margin", "zeros", "n", "room")
"""The words that both functions are called with: addresses, and the lengths of the rows of s and z, and of `above`.

The diagonal, the inverse in use and the margin between the two are those of `directions/first_diagonal.py`."""

WORDS = ctypes.c_int64 * len(TABLE)
"""An array of them: a type that ctypes would make anew each time, in the time of twenty operations."""

ROWS = ("zeros", "u", "v", "w", "lengths")
"""Rows as long as those of `above`, one after the other: zeros, and room to compute in."""

NEW_PAIR = "i64 %place, ptr %before, ptr %here, ptr %direction, double %factor, double %alpha"

# Holding Python's lock: what is so short is over before another thread could be woken.
DIRECTION = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 2)
LEARN = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 3, *[ctypes.c_double] * 2)


class History:
    """A history where the compiled functions find it; `directions/limited_memory.py` says what its rows are."""

    def __init__(self, s: Tensor, z: Tensor, above: Tensor, y_y: Tensor, diagonals: Tensor, margin: float) -> None:
        room, n = s.shape
        self.kept = s, z, above, y_y, diagonals, s.new_zeros(len(ROWS), room)
        # All were made for this: to ask where each lies in memory, and how, would take longer than to make them.
        *addresses, first, zeros = [tensor.data_ptr() for tensor in self.kept]
        inverse = first + n * s.element_size()
        (bits,) = struct.unpack("q", struct.pack("d", margin))
        self.words = WORDS(*addresses, first, inverse, bits, zeros, n, room)
        self.table = ctypes.addressof(self.words)
        self._direction, self._learn, self.code = functions(s.dtype)

    def direction(self, count: int, newest: int, again: int, gradient: Tensor) -> Tensor:
        """Return -H g by the first `count` rows, and then once more by the last `again` up to the newest."""
        out = torch.empty_like(gradient)
        self._direction(self.table, count, newest, again, gradient.data_ptr(), out.data_ptr())
        return out

    def learn(
        self, count: int, place: int, before: Tensor, here: Tensor, factor: float, direction: Tensor, alpha: float
    ) -> None:
        """Put s = alpha d and z = factor (g - g_before) in a row, and border the triangle of the first `count`."""
        vectors = before.data_ptr(), here.data_ptr(), direction.data_ptr()
        self._learn(self.table, count, place, *vectors, factor, alpha)

    def remember(self, count: int, place: int, s: Tensor, y: Tensor, unit: float) -> None:
        """Put unit s and z = -unit y in a row, as `learn` does what it computes itself."""
        vectors = self._origin.data_ptr(), y.data_ptr(), s.data_ptr()
        self._learn(self.table, count, place, *vectors, -unit, unit)

    @cached_property
    def _origin(self) -> Tensor:
        """Return a vector of zeros, from which y is its own change."""
        rows = self.kept[0]
        return rows.new_zeros(rows.shape[1])


@cache
def functions(dtype: torch.dtype) -> tuple[Any, Any, Any]:
    """Compile both functions; what is returned third keeps their code alive."""
    # Only now is LLVM needed, and imported.
    from ..machine_code.load import load

    library = load(text(KINDS[dtype]), ["direction", "learn"])
    return DIRECTION(library["direction"]), LEARN(library["learn"]), library


def text(kind: str) -> str:
    """Write both functions for numbers of a kind."""
    words = (line for place, name in enumerate(TABLE) for line in word(f"%{name}", "table", place, kind_of(name)))
    rows = (f"%{row} = getelementptr {kind}, ptr %{before}, i64 %room" for before, row in pairwise(ROWS))
    table = block(words, rows)
    return definitions(kind) + learning(kind) + direction(kind, table) + learn(kind, table)


def direction(kind: str, table: str) -> str:
    """Write -H g in the compact form, R being the triangle of products s'y whose inverse is kept in `above`.

    The last pairs count twice: their two loops go around the product of them all.
    """
    return f"""
define dso_local void @direction(ptr %table, i64 %count, i64 %newest, i64 %again, ptr %g, ptr %d) {ATTRIBUTES} {{
entry:
{table}
  %y_y.number = load double, ptr %y_y
  %scale = fdiv double -1.0, %y_y.number
  %last.row = sub i64 %room, 1
  %none = icmp eq i64 %again, 0
  call void @copy(ptr %g, double 1.0, ptr %d, i64 %n)
  br i1 %none, label %all, label %back
{loop_back(kind)}
all:
  %oldest = phi i64 [ %newest, %entry ], [ %place, %back ]
; u = R^-1 S g
  call void @times(ptr %s, ptr %d, ptr %zeros, double 1.0, ptr %u, i64 %count, i64 %n, i64 %n)
  call void @times(ptr %above, ptr %u, ptr %u, double 1.0, ptr %v, i64 %count, i64 %room, i64 %count)
; -H (g + Z'u) for the first H, a diagonal over y'y
  call void @combine(ptr %z, ptr %v, double 1.0, ptr %d, i64 %count, i64 %n, i64 %n)
  call void @weigh(ptr %inverse, double %scale, ptr %d, i64 %n)
; w = R^-T (u + Z H (g + Z'u))
  call void @times(ptr %z, ptr %d, ptr %v, double -1.0, ptr %w, i64 %count, i64 %n, i64 %n)
  call void @copy(ptr %w, double 1.0, ptr %u, i64 %count)
  call void @combine(ptr %above, ptr %w, double 1.0, ptr %u, i64 %count, i64 %room, i64 %count)
; -S'w
  call void @combine(ptr %s, ptr %u, double -1.0, ptr %d, i64 %count, i64 %n, i64 %n)
  br i1 %none, label %end, label %forth
{loop_forth(kind)}
end:
  ret void
}}
"""


def loop_back(kind: str) -> str:
    """Write the first of two loops, from the newest pair back: a = s'q and q = q + a z."""
    return f"""
back:
  %i = phi i64 [ 0, %entry ], [ %i.next, %back ]
  %place = phi i64 [ %newest, %entry ], [ %place.older, %back ]
  %at = mul i64 %place, %n
  %s.row = getelementptr {kind}, ptr %s, i64 %at
  %z.row = getelementptr {kind}, ptr %z, i64 %at
  %a = call double @dot(ptr %s.row, ptr %d, i64 %n)
  call void @add(ptr %z.row, double %a, ptr %d, i64 %n)
  %a.kind = {NARROW[kind].format("%a")}
  %length.at = getelementptr {kind}, ptr %lengths, i64 %i
  store {kind} %a.kind, ptr %length.at
  %is.first = icmp eq i64 %place, 0
  %one.less = sub i64 %place, 1
  %place.older = select i1 %is.first, i64 %last.row, i64 %one.less
  %i.next = add i64 %i, 1
  %is.oldest = icmp eq i64 %i.next, %again
  br i1 %is.oldest, label %all, label %back
"""


def loop_forth(kind: str) -> str:
    """Write the second of two loops, up to the newest pair: d = d + (z'd - a) s for d = -H q."""
    return f"""
forth:
  %j = phi i64 [ %again, %all ], [ %j.before, %forth ]
  %spot = phi i64 [ %oldest, %all ], [ %spot.newer, %forth ]
  %j.before = sub i64 %j, 1
  %from = mul i64 %spot, %n
  %s.from = getelementptr {kind}, ptr %s, i64 %from
  %z.from = getelementptr {kind}, ptr %z, i64 %from
  %kept.at = getelementptr {kind}, ptr %lengths, i64 %j.before
  %kept.kind = load {kind}, ptr %kept.at
  %kept = {WIDEN[kind].format("%kept.kind")}
  %z.d = call double @dot(ptr %z.from, ptr %d, i64 %n)
  %missing = fsub double %z.d, %kept
  call void @add(ptr %s.from, double %missing, ptr %d, i64 %n)
  %is.last = icmp eq i64 %spot, %last.row
  %one.more = add i64 %spot, 1
  %spot.newer = select i1 %is.last, i64 0, i64 %one.more
  %done = icmp eq i64 %j.before, 0
  br i1 %done, label %end, label %forth
"""


def learn(kind: str, table: str) -> str:
    """Write what puts a pair in its row, and its products with the others in a column of the triangle."""
    return f"""
define dso_local void @learn(ptr %table, i64 %count, {NEW_PAIR}) {ATTRIBUTES} {{
entry:
{table}
  %first = mul i64 %place, %n
  %s.row = getelementptr {kind}, ptr %s, i64 %first
  %z.row = getelementptr {kind}, ptr %z, i64 %first
  %above.first = mul i64 %place, %room
  %above.row = getelementptr {kind}, ptr %above, i64 %above.first
  call void @copy(ptr %zeros, double 1.0, ptr %above.row, i64 %room)
  call void @change(ptr %here, ptr %before, double %factor, ptr %z.row, i64 %n)
  %products = call double @dot(ptr %z.row, ptr %z.row, i64 %n)
  store double %products, ptr %y_y
  %none = icmp eq i64 %count, 0
  %counts = select i1 %none, double 0.0, double 1.0
; Zero times infinity is no number, which fits nowhere.
  %high = fmul double %margin, %counts
  br i1 %none, label %done, label %border
{border(kind)}
done:
  call void @copy(ptr %direction, double %alpha, ptr %s.row, i64 %n)
  call void @learn_diagonal(ptr %diagonal, ptr %inverse, ptr %s.row, ptr %z.row, double %products, double %high, i64 %n)
  ret void
}}
"""


def border(kind: str) -> str:
    """Write the new column, where there are other pairs."""
    return f"""
border:
; The oldest row, which the new one takes the place of, is no part of the triangle any more.
  call void @times(ptr %s, ptr %z.row, ptr %zeros, double 1.0, ptr %u, i64 %count, i64 %n, i64 %n)
  %u.own = getelementptr {kind}, ptr %u, i64 %place
  store {kind} 0.0, ptr %u.own
  call void @times(ptr %above, ptr %u, ptr %u, double 1.0, ptr %v, i64 %count, i64 %room, i64 %count)
  br label %column
column:
  %i = phi i64 [ 0, %border ], [ %next, %column ]
  %v.at = getelementptr {kind}, ptr %v, i64 %i
  %number = load {kind}, ptr %v.at
  %row.start = mul i64 %i, %room
  %at = add i64 %row.start, %place
  %above.at = getelementptr {kind}, ptr %above, i64 %at
  store {kind} %number, ptr %above.at
  %next = add i64 %i, 1
  %last = icmp eq i64 %next, %count
  br i1 %last, label %done, label %column
"""


def kind_of(name: str) -> str:
    """Return what a word of the table is."""
    return {"n": "i64", "room": "i64", "margin": "double"}.get(name, "ptr")
