"""Fits that iterate by themselves, compiled: each goes from its start to its end before the next one begins."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...formula.graph.expr import Expr, symbols
from ..operands import address
from .grams import lines, product
from .model_functions import functions
from .normal_equations import DATUM, PARAMETER, POINT, read
from .text import ATTRIBUTES, Values, operations, word

STATE, SUM, OPTION = "s", "g", "o"
"""What a symbol of an iteration is called: a number that a fit keeps, a product of columns, an option of all fits."""

FITS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 2)


class Iteration(NamedTuple):
    """How the numbers that a fit keeps begin, what they are next, and what it keeps of them at its end.

    `start` may use the parameters, which are a fit's start there; `next`, `ended` and `answer` use the numbers kept
    before, and the products of the columns at the numbers `trial`, in the order of a lower triangle. `answer` may use
    the numbers of `next`.
    """

    start: Sequence[Expr]
    trial: Sequence[int]
    next: Sequence[Expr]
    ended: Expr
    answer: Sequence[Expr]


class WholeFits:
    """A model's derivatives and residuals as functions of symbols, the numbers of points of all fits, an iteration."""

    def __init__(self, columns: Sequence[Expr], data: int, points: Sequence[Tensor], iteration: Iteration) -> None:
        self.points, self.answers = points, len(iteration.answer)
        self.function, self.code = compiled(text(columns, data, len(points), iteration))

    def __call__(self, starts: Tensor, data: Sequence[Tensor], options: Sequence[float]) -> Tensor:
        """Return the answers, one row for each of them, of fits from starts of shape (b, n).

        `data` have rows of m numbers for each fit, in float64.
        """
        b, m = len(starts), data[0].shape[1]
        numbers = starts.mT.contiguous()
        out = torch.empty(self.answers, b, dtype=torch.float64, device="cpu")
        given = torch.tensor(options, dtype=torch.float64, device="cpu")
        places = [
            address("starts", numbers, torch.float64, starts.numel(), starts.device),
            address("answers", out, torch.float64, self.answers * b, starts.device),
            address("options", given, torch.float64, len(options), starts.device),
            *(address("data", rows, torch.float64, b * m, starts.device) for rows in data),
            *(address("points", row, torch.float64, m, starts.device) for row in self.points),
        ]
        table = np.array(places, np.int64)
        if b:
            self.function(table.ctypes.data, b, m)
        return out


@cache
def compiled(written: str) -> tuple[Any, Any]:
    """Compile a module; what is returned second keeps its code alive."""
    # Only now is LLVM needed, and imported.
    from .load import load

    library = load(written, ["fits"])
    return FITS(library["fits"]), library


def text(columns: Sequence[Expr], data: int, points: int, iteration: Iteration) -> str:
    """Write the function: for each fit a loop of iterations, in which a loop over its points sums the products."""
    k, kept = len(columns), range(len(iteration.start))
    pairs = list(combinations_with_replacement(range(k), 2))
    bases = ["starts", "out", "options", *(f"data.{i}" for i in range(data)), *(f"points.{i}" for i in range(points))]
    at_start, at_point, at_end = names(k, data, points, iteration)
    start, derivatives = list(at_start.arithmetic(iteration.start)), list(at_point.arithmetic(columns))
    following = list(at_end.arithmetic([*iteration.next, iteration.ended, *iteration.answer]))
    return f"""{operations("double")}{functions(columns)}
define dso_local void @fits(ptr %table, i64 %b, i64 %m) {ATTRIBUTES} {{
entry:
{lines(line for place, name in enumerate(bases) for line in word(f"%{name}", "table", place))}
{lines(number(f"o.{i}", "options", str(i)) for i in range(options_of(iteration)))}
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.end ]
  %first = mul i64 %r, %m
{lines(f"%row.{i} = getelementptr double, ptr %data.{i}, i64 %first" for i in range(data))}
{lines(by_place(f"x.{i}", "starts", i) for i in range(k - 1))}
{lines(start)}
  br label %iterate
iterate:
{lines(phi(i, at_start[iteration.start[i]], at_end[iteration.next[i]]) for i in kept)}
  br label %point
point:
  %j = phi i64 [ 0, %iterate ], [ %j.next, %point ]
{lines(f"%before.{i}.{j} = phi double [ 0.0, %iterate ], [ %sum.{i}.{j}, %point ]" for i, j in pairs)}
{lines(read(f"d.{i}", f"row.{i}") for i in range(data))}
{lines(read(f"t.{i}", f"points.{i}") for i in range(points))}
{lines(derivatives)}
{lines(f"%number.{i} = fadd double {at_point[column]}, -0.0" for i, column in enumerate(columns))}
{lines(product(i, j) for i, j in pairs)}
  %j.next = add i64 %j, 1
  %j.done = icmp eq i64 %j.next, %m
  br i1 %j.done, label %judge, label %point
judge:
{lines(following)}
  br i1 {at_end[iteration.ended]}, label %row.end, label %iterate
row.end:
{lines(answer(i, at_end[value]) for i, value in enumerate(iteration.answer))}
  %r.next = add i64 %r, 1
  %r.done = icmp eq i64 %r.next, %b
  br i1 %r.done, label %exit, label %row
exit:
  ret void
}}
"""


def names(k: int, data: int, points: int, iteration: Iteration) -> tuple[Values, Values, Values]:
    """Return what values are called at a fit's start, at a point, and at an iteration's end: no name is taken twice."""
    at_start = Values("double", {f"{PARAMETER}[{i}]": f"%x.{i}" for i in range(k - 1)})
    shared = {f"{kind}[{i}]": f"%{kind}.{i}" for kind, count in ((DATUM, data), (POINT, points)) for i in range(count)}
    at_point = Values(
        "double", {f"{PARAMETER}[{i}]": f"%s.{trial}" for i, trial in enumerate(iteration.trial)} | shared
    )
    lower = [(i, j) for i in range(k) for j in range(i + 1)]
    sums = {f"{SUM}[{place}]": f"%sum.{j}.{i}" for place, (i, j) in enumerate(lower)}
    kept = {f"{STATE}[{i}]": f"%s.{i}" for i in range(len(iteration.start))}
    at_end = Values("double", sums | kept | {f"{OPTION}[{i}]": f"%o.{i}" for i in range(options_of(iteration))})
    at_point.taken = at_end.taken = at_start.taken = at_start.taken | at_point.taken | at_end.taken
    return at_start, at_point, at_end


def options_of(iteration: Iteration) -> int:
    """Return how many options an iteration has."""
    found = symbols(*iteration.next, iteration.ended, *iteration.answer)
    return 1 + max((symbol.index or 0 for symbol in found if symbol.name == OPTION), default=-1)


def phi(i: int, start: str, following: str) -> str:
    """Take a number as it begins, or as the last iteration has left it."""
    return f"%s.{i} = phi double [ {start}, %row ], [ {following}, %judge ]"


def number(name: str, array: str, place: str) -> str:
    """Read a number of an array."""
    return f"""%{name}.at = getelementptr double, ptr %{array}, i64 {place}
%{name} = load double, ptr %{name}.at"""


def by_place(name: str, array: str, i: int) -> str:
    """Read the i-th number of a fit; those of all fits lie one after the other."""
    return f"""%{name}.first = mul i64 %b, {i}
%{name}.place = add i64 %{name}.first, %r
{number(name, array, f"%{name}.place")}"""


def answer(i: int, value: str) -> str:
    """Store an answer of a fit."""
    return f"""%answer.first.{i} = mul i64 %b, {i}
%answer.place.{i} = add i64 %answer.first.{i}, %r
%answer.at.{i} = getelementptr double, ptr %out, i64 %answer.place.{i}
store double {value}, ptr %answer.at.{i}"""
