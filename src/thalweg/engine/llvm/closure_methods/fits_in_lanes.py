"""The text of fits that iterate by themselves: each lane of a vector has one at work, and takes the next as it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

from ....formula.graph.expr import Expr, walk
from ..language.text import ATTRIBUTES, Values, operations, word
from .grams import lines
from .in_lanes import in_all_lanes, in_lanes
from .model_functions import functions
from .normal_equations import DATUM, PARAMETER, POINT

STATE, SUM, OPTION = "s", "g", "o"
"""What a symbol of an iteration is called: a number that a fit keeps, a product of columns, an option of all fits."""

BLOCK = 64
"""Points whose products are added up by themselves, so that many points are not added one by one to a large sum."""


class Iteration(NamedTuple):
    """How the numbers that a fit keeps begin, what they are next, and what it tells at its end.

    `start` may use the parameters, which are a fit's start there; `next` and `ended` use the numbers kept before, the
    products of the columns at the numbers `trial`, in the order of a lower triangle, and so many `options`. `answer`
    may use all of these.
    """

    start: Sequence[Expr]
    trial: Sequence[int]
    next: Sequence[Expr]
    ended: Expr
    answer: Sequence[Expr]
    options: int


class Names(NamedTuple):
    """What values are called at a fit's start, at a point, and at an iteration's end."""

    start: Values
    point: Values
    end: Values


class FitsInLanes(NamedTuple):
    """A model's columns, how many rows of data and numbers of points it has, an iteration, and how many lanes."""

    columns: Sequence[Expr]
    data: int
    points: int
    iteration: Iteration
    lanes: int

    def text(self) -> str:
        """Write the function."""
        library = operations("double") + functions(self.columns)
        names = self.names()
        return f"""{in_lanes(library, self.lanes)}
define dso_local void @fits(ptr %table, i64 %b, i64 %m) {ATTRIBUTES} {{
{self._entry()}
{self._exchange(names)}
{self._products(names)}
{self._judgement(names)}
}}
"""

    def names(self) -> Names:
        """Return names of which none is taken twice."""
        n, iteration = len(self.columns) - 1, self.iteration
        at_start = Values("double", called(PARAMETER, range(n), "x"))
        trial, rows, shared = called(PARAMETER, iteration.trial, STATE), range(self.data), range(self.points)
        at_point = Values("double", trial | called(DATUM, rows, DATUM) | called(POINT, shared, POINT))
        pairs = [(i, j) for i in range(n + 1) for j in range(i + 1)]
        sums = {f"{SUM}[{place}]": f"%sum.{j}.{i}" for place, (i, j) in enumerate(pairs)}
        kept, options = range(len(iteration.start)), range(iteration.options)
        at_end = Values("double", sums | called(STATE, kept, STATE) | called(OPTION, options, OPTION))
        taken = at_start.taken | at_point.taken | at_end.taken
        at_start.taken = at_point.taken = at_end.taken = taken
        return Names(at_start, at_point, at_end)

    @property
    def vector(self) -> str:
        """The type of a number in each lane."""
        return f"<{self.lanes} x double>"

    def _entry(self) -> str:
        """Read the table, and let all lanes be idle; `kept` and `told` hold the numbers of fits that are exchanged."""
        rows = range(self.data)
        names = ["starts", "answers", "options", "room"]
        names += [*(f"data.{i}" for i in rows), *(f"points.{i}" for i in range(self.points))]
        kept = range(len(self.iteration.start))
        return f"""entry:
{lines(line for place, name in enumerate(names) for line in word(f"%{name}", "table", place))}
  %fits = alloca [{self.lanes} x i64]
  %kept = alloca [{len(kept)} x {self.vector}]
  %told = alloca [{len(self.iteration.answer)} x {self.vector}]
  %size = mul i64 %m, {self.lanes}
{lines(at(f"room.{i}", "room", f"mul i64 %size, {i}") for i in rows)}
{lines(self._to_all(f"{OPTION}.{i}", "options", str(i)) for i in range(self.iteration.options))}
{lines(self._store("kept", i, "zeroinitializer") for i in kept)}
  br label %exchange"""

    def _exchange(self, names: Names) -> str:
        """Lane by lane, write down what a fit that leaves has come to, and begin the next one."""
        mask, start = f"i{self.lanes}", self.iteration.start
        begun = list(names.start.arithmetic(start))
        return f"""exchange:
  %leaving = phi {mask} [ -1, %entry ], [ %gone, %leave ]
  %were.working = phi {mask} [ 0, %entry ], [ %working, %leave ]
  %were.taken = phi i64 [ 0, %entry ], [ %taken, %leave ]
  br label %lane
lane:
  %l = phi i64 [ 0, %exchange ], [ %l.next, %lane.end ]
  %fit = phi i64 [ %were.taken, %exchange ], [ %taken, %lane.end ]
  %now.working = phi {mask} [ %were.working, %exchange ], [ %working, %lane.end ]
  %l.short = trunc i64 %l to {mask}
  %bit = shl {mask} 1, %l.short
  %leaves = and {mask} %leaving, %bit
  %stays = icmp eq {mask} %leaves, 0
  br i1 %stays, label %lane.end, label %ended
ended:
  %worked = and {mask} %now.working, %bit
  %was.idle = icmp eq {mask} %worked, 0
  br i1 %was.idle, label %vacant, label %tell
tell:
  %fit.at = getelementptr i64, ptr %fits, i64 %l
  %told.fit = load i64, ptr %fit.at
{lines(self._told(i) for i in range(len(self.iteration.answer)))}
  br label %vacant
vacant:
  %without = xor {mask} %now.working, %worked
  %is.more = icmp ult i64 %fit, %b
  br i1 %is.more, label %begin, label %lane.end
begin:
  %next.at = getelementptr i64, ptr %fits, i64 %l
  store i64 %fit, ptr %next.at
{lines(self._started(i) for i in range(len(self.columns) - 1))}
{lines(begun)}
{lines(self._kept(i, names.start[value]) for i, value in enumerate(start))}
  %with = or {mask} %without, %bit
  %fit.next = add i64 %fit, 1
  %first = mul i64 %fit, %m
{lines(f"%row.{i} = getelementptr double, ptr %data.{i}, i64 %first" for i in range(self.data))}
  br label %copy
copy:
  %c = phi i64 [ 0, %begin ], [ %c.next, %copy ]
  %c.first = mul i64 %c, {self.lanes}
  %c.place = add i64 %c.first, %l
{lines(copied(i) for i in range(self.data))}
  %c.next = add i64 %c, 1
  %c.done = icmp eq i64 %c.next, %m
  br i1 %c.done, label %lane.end, label %copy
lane.end:
  %taken = phi i64 [ %fit, %lane ], [ %fit, %vacant ], [ %fit.next, %copy ]
  %working = phi {mask} [ %now.working, %lane ], [ %without, %vacant ], [ %with, %copy ]
  %l.next = add i64 %l, 1
  %l.done = icmp eq i64 %l.next, {self.lanes}
  br i1 %l.done, label %resume, label %lane
resume:
{lines(self._load("kept", i) for i in range(len(start)))}
  %is.over = icmp eq {mask} %working, 0
  br i1 %is.over, label %exit, label %iterate"""

    def _products(self, names: Names) -> str:
        """Sum the products of the columns over the points, block by block."""
        following = [self._value(names.end[value]) for value in self.iteration.next]
        pairs = list(combinations_with_replacement(range(len(self.columns)), 2))
        derivatives = list(names.point.arithmetic(self.columns))
        columns = [f"%column.{i} = fadd double {names.point[column]}, -0.0" for i, column in enumerate(self.columns)]
        return f"""iterate:
{lines(self._phi(f"{STATE}.{i}", f"%kept.{i}, %resume", f"{value}, %judge") for i, value in enumerate(following))}
  br label %block
block:
  %j.first = phi i64 [ 0, %iterate ], [ %j.next, %block.end ]
{lines(self._sum("total", pair, "iterate", "sum", "block.end") for pair in pairs)}
  %j.far = add i64 %j.first, {BLOCK}
  %is.inside = icmp ult i64 %j.far, %m
  %j.end = select i1 %is.inside, i64 %j.far, i64 %m
  br label %point
point:
  %j = phi i64 [ %j.first, %block ], [ %j.next, %point ]
{lines(self._sum("before", pair, "block", "part", "point") for pair in pairs)}
  %j.place = mul i64 %j, {self.lanes}
{lines(self._read(f"{DATUM}.{i}", f"room.{i}") for i in range(self.data))}
{lines(self._to_all(f"{POINT}.{i}", f"points.{i}", "%j") for i in range(self.points))}
{self._written([*derivatives, *columns, *(product(i, j) for i, j in pairs)])}
  %j.next = add i64 %j, 1
  %j.done = icmp eq i64 %j.next, %j.end
  br i1 %j.done, label %block.end, label %point
block.end:
{self._written(f"%sum.{i}.{j} = fadd double %total.{i}.{j}, %part.{i}.{j}" for i, j in pairs)}
  %all.done = icmp eq i64 %j.next, %m
  br i1 %all.done, label %judge, label %block"""

    def _judgement(self, names: Names) -> str:
        """Compute what fits keep, and leave the loop where one has ended."""
        mask, (_, _, following, ended, answer, _) = f"i{self.lanes}", self.iteration
        needed = [*following, ended]
        judged = list(names.end.arithmetic(needed))
        told = list(names.end.arithmetic(answer, walk(*needed)))
        return f"""judge:
{self._written(judged)}
  %gone = bitcast <{self.lanes} x i1> {names.end[ended]} to {mask}
  %left = and {mask} %gone, %working
  %is.none = icmp eq {mask} %left, 0
  br i1 %is.none, label %iterate, label %leave
leave:
{self._written(told)}
{lines(self._store("kept", i, self._value(names.end[value]), "next") for i, value in enumerate(following))}
{lines(self._store("told", i, self._value(names.end[value])) for i, value in enumerate(answer))}
  br label %exchange
exit:
  ret void"""

    def _written(self, written: Iterable[str]) -> str:
        return in_lanes(lines(written), self.lanes)

    def _value(self, name: str) -> str:
        return in_all_lanes(name, self.lanes)

    def _phi(self, name: str, first: str, again: str) -> str:
        return f"%{name} = phi {self.vector} [ {first} ], [ {again} ]"

    def _sum(self, name: str, pair: tuple[int, int], begin: str, again: str, end: str) -> str:
        i, j = pair
        return self._phi(f"{name}.{i}.{j}", f"zeroinitializer, %{begin}", f"%{again}.{i}.{j}, %{end}")

    def _load(self, array: str, i: int) -> str:
        return f"""%{array}.{i}.at = getelementptr {self.vector}, ptr %{array}, i64 {i}
%{array}.{i} = load {self.vector}, ptr %{array}.{i}.at"""

    def _store(self, array: str, i: int, value: str, name: str = "first") -> str:
        return f"""%{name}.{array}.{i}.at = getelementptr {self.vector}, ptr %{array}, i64 {i}
store {self.vector} {value}, ptr %{name}.{array}.{i}.at"""

    def _read(self, name: str, array: str) -> str:
        return f"""%{name}.at = getelementptr double, ptr %{array}, i64 %j.place
%{name} = load {self.vector}, ptr %{name}.at, align 8"""

    def _to_all(self, name: str, array: str, place: str) -> str:
        """Read a number, and give it to all lanes."""
        return f"""%{name}.at = getelementptr double, ptr %{array}, i64 {place}
%{name}.one = load double, ptr %{name}.at
%{name}.first = insertelement {self.vector} poison, double %{name}.one, i64 0
%{name} = shufflevector {self.vector} %{name}.first, {self.vector} poison, <{self.lanes} x i32> zeroinitializer"""

    def _started(self, i: int) -> str:
        """Read the i-th number of a fit's start; those of all fits lie one after the other."""
        return f"""%x.{i}.first = mul i64 %b, {i}
{at(f"x.{i}.at", "starts", f"add i64 %x.{i}.first, %fit")}
%x.{i} = load double, ptr %x.{i}.at"""

    def _kept(self, i: int, value: str) -> str:
        """Let a lane keep a number."""
        return f"""{at(f"begun.{i}", "kept", f"add i64 {i * self.lanes}, %l")}
store double {value}, ptr %begun.{i}"""

    def _told(self, i: int) -> str:
        """Write down what a lane tells."""
        return f"""{at(f"told.{i}.from", "told", f"add i64 {i * self.lanes}, %l")}
%told.{i} = load double, ptr %told.{i}.from
%told.{i}.first = mul i64 %b, {i}
{at(f"told.{i}.to", "answers", f"add i64 %told.{i}.first, %told.fit")}
store double %told.{i}, ptr %told.{i}.to"""


def called(symbol: str, places: Iterable[int], stem: str) -> dict[str, str]:
    """Name the values of a symbol."""
    return {f"{symbol}[{i}]": f"%{stem}.{place}" for i, place in enumerate(places)}


def at(name: str, array: str, place: str) -> str:
    """Compute the address of a number of an array."""
    return f"""%{name}.place = {place}
%{name} = getelementptr double, ptr %{array}, i64 %{name}.place"""


def copied(i: int) -> str:
    """Copy a number of a row into a lane."""
    return f"""%from.{i} = getelementptr double, ptr %row.{i}, i64 %c
%to.{i} = getelementptr double, ptr %room.{i}, i64 %c.place
%moved.{i} = load double, ptr %from.{i}
store double %moved.{i}, ptr %to.{i}"""


def product(i: int, j: int) -> str:
    """Add a product of two columns to its sum."""
    return f"""%product.{i}.{j} = fmul contract double %column.{i}, %column.{j}
%part.{i}.{j} = fadd contract double %before.{i}.{j}, %product.{i}.{j}"""
