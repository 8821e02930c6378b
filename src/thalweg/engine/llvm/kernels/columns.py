"""Columns of partial sums, in float64, and of maxima: how they start, how two become one, and what they end as.

256 columns go along a line and are brought together pairwise; those that go across lines have a place for each element
of a line, in each piece of the work, and are brought together piece after piece.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....formula.graph.expr import BLOCK, Reduction
from ....formula.tracing.program import Program
from ...pieces.line_pieces import Piece
from ...pieces.row_layout import RowLayout
from ..language.text import ATTRIBUTES, ONCE, block, literal, name_of, word
from .context import CONTEXT
from .elements import Loop, column_type
from .pairwise import BOTH, fold

CLEAR = """
define internal void @clear.{type}(ptr noalias %columns, {type} %value) alwaysinline {{
  %one = insertelement <{block} x {type}> poison, {type} %value, i64 0
  %all = shufflevector <{block} x {type}> %one, <{block} x {type}> poison, <{block} x i32> zeroinitializer
  store <{block} x {type}> %all, ptr %columns, align 64
  ret void
}}

define internal void @fill.{type}(ptr noalias %columns, {type} %value, i64 %count) {attributes} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds {type}, ptr %columns, i64 %i
  store {type} %value, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %count
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  ret void
}}
"""

GATHER = """
define internal void @gather.{how}(ptr noalias %into, ptr noalias %from, i64 %count) {attributes} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds {type}, ptr %into, i64 %i
  %other.at = getelementptr inbounds {type}, ptr %from, i64 %i
  %one = load {type}, ptr %at
  %two = load {type}, ptr %other.at
{both}
  store {type} %both, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %count
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  ret void
}}
"""

FIRST = {"total": 0.0, "max": float("-inf")}
"""What a column starts with."""


def kind_of(node: Reduction) -> str:
    """Say how columns are brought together: a mean is a sum, divided at the end."""
    return "max" if node.how.endswith("max") else "total"


def definitions(it: Loop) -> str:
    """Write what the walk calls."""
    numbers = {kind_of(node): column_type(node, it.compute) for node in it.sums.values()}
    places = {"attributes": ATTRIBUTES, "block": BLOCK}
    cleared = (CLEAR.format(type=number, **places) for number in sorted(set(numbers.values())))
    return "".join(cleared) + "".join(_gather(*each) + fold(*each) for each in sorted(numbers.items()))


def _gather(kind: str, number: str) -> str:
    lines = (line.format(x="%both", one="%one", two="%two", type=number, truth="i1") for line in BOTH[kind])
    both = block(line.replace("zeroinitializer", "0.0") for line in lines)
    return GATHER.format(how=kind, attributes=ATTRIBUTES, both=both, type=number)


def clear(name: str, it: Loop) -> str:
    """Start the columns of a line."""
    kind = column_type(it.sums[name], it.compute)
    return f"call void @clear.{kind}(ptr {name_of(name)}.columns, {kind} {_first(name, it)})"


def fill(name: str, it: Loop) -> str:
    """Start those of a piece."""
    kind = column_type(it.sums[name], it.compute)
    return f"call void @fill.{kind}(ptr {name_of(name)}.partial, {kind} {_first(name, it)}, i64 %partial.count)"


def _first(name: str, it: Loop) -> str:
    return literal(FIRST[kind_of(it.sums[name])], column_type(it.sums[name], it.compute))


def rounded(x: str, node: Reduction, count: str, compute: str) -> Iterator[str]:
    """Divide a sum if a mean is wanted, and round it once."""
    result = f"{x}.sum"
    if node.how.endswith("mean"):
        yield f"{x}.count = uitofp i64 {count} to double"
        yield f"{x}.mean = fdiv double {x}.sum, {x}.count"
        result = f"{x}.mean"
    is_narrower = compute != column_type(node, compute)
    yield f"{x} = fptrunc double {result} to float" if is_narrower else f"{x} = fadd {compute} {result}, -0.0"


def piece_words(place: str) -> Iterator[str]:
    """Read the words of a piece."""
    yield f"%piece.start = mul i64 {place}, {len(Piece._fields)}"
    yield "%piece = getelementptr i64, ptr %chunks, i64 %piece.start"
    for index, name in enumerate(Piece._fields):
        yield from word(f"%piece.{name}", "piece", index, "i64")


def base(name: str, layout: RowLayout) -> list[str]:
    """Find where a tensor starts."""
    where = ("gradients", "%piece.row") if name == "grad" else ("row", layout.tensor(name))
    return word(f"{name_of(name)}.base", *where)


def partial(place: int, name: str, where: str) -> Iterator[str]:
    """Find where a piece's sums of columns stand."""
    x = name_of(name)
    yield f"{x}.{where}.table = mul i64 %partial_count, {place}"
    yield f"{x}.{where}.place = add i64 {x}.{where}.table, %piece.{where}"
    yield f"{x}.{where} = getelementptr double, ptr %partials, i64 {x}.{where}.place"


def finish_columns(program: Program, it: Loop, layout: RowLayout) -> str:
    """Write what is left of sums across lines when all pieces are done: piece after piece they are added up."""
    across = list(program.across)
    if not across:
        return f"define internal void @finish_columns(ptr %context) {ONCE} {{\n  ret void\n}}\n"
    closings = {_close_of(name, it): _close_columns(name, it) for name in across}
    return f"""{"".join(closings.values())}
define internal void @finish_columns(ptr %context) {ONCE} {{
entry:
{block(*(word(f"%{name}", "context", CONTEXT.index(name)) for name in ("rows", "chunks", "partials")))}
{block(*(word(f"%{name}", "context", CONTEXT.index(name), "i64") for name in ("chunk_count", "partial_count")))}
  %some = icmp sgt i64 %chunk_count, 0
  br i1 %some, label %chunk, label %exit

chunk:
  %c = phi i64 [ 0, %entry ], [ %c.next, %closed ]
{block(piece_words("%c"))}
  %row.start = mul i64 %piece.row, {layout.width}
  %row = getelementptr i64, ptr %rows, i64 %row.start
  %matrix = udiv i64 %piece.first, %piece.height
  %out.start = mul i64 %matrix, %piece.width
  %out.count = mul i64 %piece.done, %piece.width
{block(line for place, name in enumerate(across) for line in partial(place, name, "partial"))}
{block(line for place, name in enumerate(across) for line in partial(place, name, "into"))}
{block(line for name in across for line in _out(name, it, layout))}
  %is_first = icmp eq i64 %piece.partial, %piece.into
  br i1 %is_first, label %gathered, label %gather

gather:
{block(_gathered(name, it) for name in across)}
  br label %gathered

gathered:
  %is_open = icmp eq i64 %out.count, 0
  br i1 %is_open, label %closed, label %close

close:
{block(_closed(name, it) for name in across)}
  br label %closed

closed:
  %c.next = add i64 %c, 1
  %done = icmp eq i64 %c.next, %chunk_count
  br i1 %done, label %exit, label %chunk

exit:
  ret void
}}
"""


def _gathered(name: str, it: Loop) -> str:
    x, how = name_of(name), kind_of(it.sums[name])
    return f"call void @gather.{how}(ptr {x}.into, ptr {x}.partial, i64 %piece.width)"


def _closed(name: str, it: Loop) -> str:
    x = name_of(name)
    return f"call void @{_close_of(name, it)}(ptr {x}.into, ptr {x}.out, i64 %out.count, i64 %piece.height)"


def _close_of(name: str, it: Loop) -> str:
    """Name the function that ends a sum: all that end alike share one."""
    return f"close.{it.sums[name].how.split('_')[-1]}"


def _out(name: str, it: Loop, layout: RowLayout) -> list[str]:
    x = name_of(name)
    return [*base(name, layout), f"{x}.out = getelementptr {it.compute}, ptr {x}.base, i64 %out.start"]


def _close_columns(name: str, it: Loop) -> str:
    """Write the function that rounds sums of columns, and leaves them where the next pass finds them."""
    given = "ptr noalias %into, ptr noalias %out, i64 %count, i64 %height"
    kind = column_type(it.sums[name], it.compute)
    return f"""
define internal void @{_close_of(name, it)}({given}) {ATTRIBUTES} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %from = getelementptr inbounds {kind}, ptr %into, i64 %i
  %to.sum = load {kind}, ptr %from
{block(rounded("%to", it.sums[name], "%height", it.compute))}
  %to.at = getelementptr inbounds {it.compute}, ptr %out, i64 %i
  store {it.compute} %to, ptr %to.at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %count
  br i1 %done, label %exit, label %loop, !llvm.loop !0
exit:
  ret void
}}
"""
