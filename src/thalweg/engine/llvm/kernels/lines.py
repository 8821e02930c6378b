"""A pass that goes from line to line: rows of elements, or all rows or columns of a matrix as one line of numbers.

What is one number a line is read, computed and summed once for each; sums along a line are taken in 256 columns, which
are added pairwise, and sums across lines in a column for each place, for each piece of the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from ....formula.graph.expr import BLOCK, Expr, Reduction, Symbol, symbols
from ....formula.graph.rewrite import replaced
from ....formula.tracing.domains import ALONG_LINES
from ....formula.tracing.program import Program
from ...pieces.row_layout import RowLayout
from ..language.dtypes import FORMATS
from ..language.text import ATTRIBUTES, ONCE, block, name_of, word
from .columns import base, clear, fill, kind_of, partial, piece_words, rounded
from .elements import Loop, column_type
from .memory_ahead import NEAR, REQUEST, request_as_many
from .shared_work import shared_work

SIZES = ("first", "length", "width", "height")
"""What the walk is told of a piece."""


def line_loop(program: Program, dtypes: Mapping[str, torch.dtype]) -> Loop:
    """Give the loop over the elements of a piece of a line; what is one number a line is that to it too."""
    at_line = ALONG_LINES[program.domain]
    new: dict[Expr, Expr] = {
        symbol: Symbol(symbol.name, "block" if symbol.scope == at_line else "element", symbol.index, None, symbol.kind)
        for symbol in symbols(*program.results)
        if symbol.varies
    }
    stores = replaced(program.stores, new)
    operands = replaced({name: node.operands[0] for name, node in program.sums.items()}, new)
    sums = {name: Reduction(node.how, (operands[name],)) for name, node in program.sums.items()}
    used = {symbol.name for symbol in symbols(*stores.values(), *operands.values())} | stores.keys()
    tensors = [name for name in program.tensors if name in used]
    lines = [name for name in tensors if program.scope(name) == at_line]
    # In the order of the tensors, as passes that do the same, in formulas that return it otherwise, are to be equal.
    stores = {name: stores[name] for name in tensors if name in stores}
    return Loop("elements", tensors, lines, [], stores, program.formula.names, dtypes, sums, attributes=ATTRIBUTES)


def walk_lines(program: Program, it: Loop) -> str:
    """Write the walk over the lines of a piece, and over each line in blocks of 256."""
    across = list(program.across)
    within = [name for name in it.sums if name not in across]
    along = [name for name in within if name in program.along]
    given = [f"ptr {name_of(name)}.base" for name in (*it.tensors, *program.along)]
    given += [f"ptr {name_of(name)}.partial" for name in across]
    given += ["ptr %slots", "ptr %sums", *(f"i64 %{word}" for word in SIZES)]
    return f"""{REQUEST}
define internal void @lines({", ".join(given)}) {ONCE} {{
entry:
{block(f"{name_of(name)}.columns = alloca [{BLOCK} x {_kind(name, it)}], align 64" for name in within)}
  %last = add i64 %first, %length
  %matrix.first = udiv i64 %first, %height
  %matrix.last = sub i64 %last, 1
  %matrix.end = udiv i64 %matrix.last, %height
  %matrix.less = sub i64 %matrix.end, %matrix.first
  %matrix.count = add i64 %matrix.less, 1
  %partial.count = mul i64 %matrix.count, %width
  %size = mul i64 %length, %width
  %is_large = icmp ugt i64 %size, {NEAR}
{block(clear(name, it) for name in within if name not in along)}
{block(fill(name, it) for name in across)}
  br label %line

line:
  %l = phi i64 [ %first, %entry ], [ %l.next, %line.end ]
  %matrix = udiv i64 %l, %height
  %matrix.own = sub i64 %matrix, %matrix.first
  %element.start = mul i64 %l, %width
  %column.start = mul i64 %matrix, %width
  %partial.start = mul i64 %matrix.own, %width
{block(line for name in it.tensors for line in _line_start(name, program, it))}
{block(_line_of_columns(name, it) for name in across)}
{block(clear(name, it) for name in along)}
  br label %piece

{_walk_pieces(program, it, across)}

line.end:
{block(line for name in along for line in _close(name, it))}
  %l.next = add i64 %l, 1
  %line.done = icmp uge i64 %l.next, %last
  br i1 %line.done, label %exit, label %line

exit:
{block(line for place, name in enumerate(program.totals) for line in _total(place, name))}
  ret void
}}
"""


def _kind(name: str, it: Loop) -> str:
    return column_type(it.sums[name], it.compute)


def _line_of_columns(name: str, it: Loop) -> str:
    """Find the columns of a line's matrix."""
    x = name_of(name)
    return f"{x}.line = getelementptr {_kind(name, it)}, ptr {x}.partial, i64 %partial.start"


def _walk_pieces(program: Program, it: Loop, across: list[str]) -> str:
    """Write the walk over the blocks of one line, for the later ones of which memory is asked for."""
    return f"""
piece:
  %p = phi i64 [ 0, %line ], [ %p.next, %here ]
  %left = sub i64 %width, %p
  %is_whole = icmp ugt i64 %left, {BLOCK}
  %count = select i1 %is_whole, i64 {BLOCK}, i64 %left
  %place = add i64 %element.start, %p
{block(line for name in it.tensors for line in _piece_start(name, it))}
{block(f"{name_of(n)}.piece = getelementptr {_kind(n, it)}, ptr {name_of(n)}.line, i64 %p" for n in across)}
  br i1 %is_large, label %ahead, label %here

ahead:
{block(request_as_many(it, _of_elements(program, it), "piece", "%count"))}
  br label %here

here:
  {_call(it, across)}
  %p.next = add i64 %p, {BLOCK}
  %piece.done = icmp uge i64 %p.next, %width
  br i1 %piece.done, label %line.end, label %piece
""".strip()


def _line_start(name: str, program: Program, it: Loop) -> Iterator[str]:
    """Find where a line starts in a tensor."""
    kind, x, scope = FORMATS[it.dtypes[name]].type, name_of(name), program.scope(name)
    place = "%l" if name in it.blocks else "%column.start" if scope != program.domain else "%element.start"
    yield f"{x}.line = getelementptr {kind}, ptr {x}.base, i64 {place}"


def _of_elements(program: Program, it: Loop) -> list[str]:
    """List the tensors whose lines lie one after the other in memory."""
    return [name for name in it.tensors if program.scope(name) == program.domain == "element"]


def _piece_start(name: str, it: Loop) -> Iterator[str]:
    kind, x = FORMATS[it.dtypes[name]].type, name_of(name)
    yield f"{x}.piece = getelementptr {kind}, ptr {x}.line, i64 {'0' if name in it.blocks else '%p'}"


def _call(it: Loop, across: list[str]) -> str:
    tensors = [f"ptr {name_of(name)}.piece" for name in it.tensors]
    columns = [f"ptr {name_of(name)}.{'piece' if name in across else 'columns'}" for name in it.sums]
    return f"call void @elements({', '.join([*tensors, *columns, 'ptr %slots', 'i64 %place', 'i64 %count'])})"


def _close(name: str, it: Loop) -> Iterator[str]:
    """Add up the columns of a line, and leave the result where the next pass finds it."""
    x, node = name_of(name), it.sums[name]
    yield f"{x}.sum = call {_kind(name, it)} @fold.{kind_of(node)}(ptr {x}.columns)"
    yield from rounded(x, node, "%width", it.compute)
    yield f"{x}.to = getelementptr {it.compute}, ptr {x}.base, i64 %l"
    yield f"store {it.compute} {x}, ptr {x}.to"


def _total(place: int, name: str) -> Iterator[str]:
    x = name_of(name)
    yield f"{x} = call double @fold.total(ptr {x}.columns)"
    yield f"{x}.sum.at = getelementptr double, ptr %sums, i64 {place}"
    yield f"store double {x}, ptr {x}.sum.at"


def work_on_lines(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout, it: Loop) -> str:
    """Write what each thread does with a piece."""
    tables = ("rows", "gradients", "chunks", "sums", "partials")
    across = list(program.across)
    passed = [f"ptr {name_of(name)}.base" for name in (*it.tensors, *program.along)]
    passed += [f"ptr {name_of(name)}.partial" for name in across]
    passed += ["ptr %slots", "ptr %chunk.sums", *(f"i64 %piece.{word}" for word in SIZES)]
    piece = f"""\
{block(piece_words("%c"))}
  %row.start = mul i64 %piece.row, {layout.width}
  %row = getelementptr i64, ptr %rows, i64 %row.start
  %sums.start = mul i64 %c, {len(program.totals)}
  %chunk.sums = getelementptr double, ptr %sums, i64 %sums.start
{block(line for name in (*it.tensors, *program.along) for line in base(name, layout))}
{block(line for place, name in enumerate(across) for line in partial(place, name, "partial"))}
{block(word("%slots", "row", layout.word("slots")))}
  call void @lines({", ".join(passed)})"""
    return shared_work(tables, piece, ("chunk_count", "partial_count"))
