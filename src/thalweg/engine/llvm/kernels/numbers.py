"""The numbers of each parameter: computed in float64 before the pass, and shared by rows that have the same."""

from collections.abc import Iterator, Mapping

import torch

from ....formula.tracing.program import Program
from ...pieces.row_layout import RowLayout
from ..language.dtypes import COMPUTE, FORMATS
from ..language.text import ONCE, Values, block, is_condition, name_of, word
from .context import CONTEXT

POWERS = {"raise": "power", "powers": "powers"}
"""The function that raises to a power, and where it finds those that it has computed."""


def prepare(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> str:
    """Write the loop over the rows: count the step, then compute the numbers or share those of the row before."""
    values = Values(
        "double", {symbol.label: name_of(symbol.label) for symbol in program.inputs} | {"step_count": name_of("step")}
    )
    results = [*program.numbers, *program.updates.values()]
    compute = COMPUTE[dtypes["compute"]]
    names = layout.scalars
    return f"""
define dso_local void @prepare(ptr %context) {ONCE} {{
entry:
{block(*(word(f"%{name}", "context", CONTEXT.index(table)) for name, table in POWERS.items()))}
{block(word("%rows.all", "context", CONTEXT.index("rows")), word("%slots", "context", CONTEXT.index("slots")))}
{block(word("%row_count", "context", CONTEXT.index("row_count"), "i64"))}
  %taken = getelementptr i64, ptr %context, i64 {CONTEXT.index("next_chunk")}
  store i64 0, ptr %taken
  %empty = icmp eq i64 %row_count, 0
  br i1 %empty, label %exit, label %loop

loop:
  %r = phi i64 [ 0, %entry ], [ %next, %kept ]
  %options.before = phi ptr [ null, %entry ], [ %options, %kept ]
  %slots.before = phi ptr [ null, %entry ], [ %slots.row, %kept ]
{block(f"{x}.before = phi double [ 0.0, %entry ], [ {x}.old, %kept ]" for x in map(name_of, names))}
{block(f"{x}.shared = phi double [ 0.0, %entry ], [ {x}.new, %kept ]" for x in map(name_of, names))}
  %row.start = mul i64 %r, {layout.width}
  %row = getelementptr i64, ptr %rows.all, i64 %row.start
{block(word("%options", "row", layout.word("options")))}
{block(line for name in names for line in read(name, layout, dtypes))}
{block(same(names))}
  br i1 %same, label %kept, label %fresh

fresh:
  %slots.first = mul i64 %r, {max(len(program.numbers), 1)}
  %slots.own = getelementptr {compute}, ptr %slots, i64 %slots.first
{block(options(program), values.arithmetic(results), slots(program, values, compute))}
  br label %kept

kept:
  %slots.row = phi ptr [ %slots.before, %loop ], [ %slots.own, %fresh ]
{block(updates(program, names, values))}
  %slots.at = getelementptr i64, ptr %row, i64 {layout.word("slots")}
  store ptr %slots.row, ptr %slots.at
{block(line for name in (names if program.is_last else ()) for line in write(name, dtypes))}
  %next = add i64 %r, 1
  %done = icmp eq i64 %next, %row_count
  br i1 %done, label %exit, label %loop

exit:
  ret void
}}
"""


def read(name: str, layout: RowLayout, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Read a number of the row, in float64; the step is counted as it is read."""
    kind, x = FORMATS[dtypes[name]].type, name_of(name)
    yield from word(f"{x}.at", "row", layout.scalar(name))
    yield f"{x}.kept = load {kind}, ptr {x}.at"
    yield f"{x}.old = " + (f"fpext {kind} {x}.kept to double" if kind != "double" else f"fadd double {x}.kept, -0.0")
    yield f"{x} = fadd double {x}.old, {'1.0' if name == 'step' else '-0.0'}"


def write(name: str, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Write a number of the row back."""
    kind, x = FORMATS[dtypes[name]].type, name_of(name)
    rounded = f"fptrunc double {x}.new to {kind}" if kind != "double" else f"fadd double {x}.new, -0.0"
    yield f"{x}.rounded = {rounded}"
    yield f"store {kind} {x}.rounded, ptr {x}.at"


def same(names: tuple[str, ...]) -> Iterator[str]:
    """Tell if a row starts from the same numbers as the row before."""
    yield "%same.options = icmp eq ptr %options, %options.before"
    condition = "%same.options"
    for x in map(name_of, names):
        yield f"{x}.is_equal = fcmp oeq double {x}.old, {x}.before"
        yield f"{x}.is_same = and i1 {condition}, {x}.is_equal"
        condition = f"{x}.is_same"
    yield f"%same = and i1 {condition}, true"


def options(program: Program) -> Iterator[str]:
    """Read the group's options."""
    for index, symbol in enumerate(program.options):
        name = name_of(symbol.label)
        yield f"{name}.at = getelementptr double, ptr %options, i64 {index}"
        yield f"{name} = load double, ptr {name}.at"


def slots(program: Program, values: Values, compute: str) -> Iterator[str]:
    """Round each number to the format that the pass computes in, and leave it where the pass finds it."""
    for index, number in enumerate(program.numbers):
        if number.kind == "bits":
            yield f"%slot.{index}.at = getelementptr {compute}, ptr %slots.own, i64 {index}"
            yield f"store i32 {values[number]}, ptr %slot.{index}.at"
            continue
        rounded = f"fptrunc double {values[number]} to {compute}"
        if is_condition(number):
            rounded = f"uitofp i1 {values[number]} to {compute}"
        elif compute == "double":
            rounded = f"fadd double {values[number]}, -0.0"
        yield f"%slot.{index}.at = getelementptr {compute}, ptr %slots.own, i64 {index}"
        yield f"%slot.{index} = {rounded}"
        yield f"store {compute} %slot.{index}, ptr %slot.{index}.at"


def updates(program: Program, names: tuple[str, ...], values: Values) -> Iterator[str]:
    """Take the new value of each number: just computed, or shared."""
    for name in names:
        x = name_of(name)
        new = values[program.updates[name]] if name in program.updates else x
        yield f"{x}.new = phi double [ {x}.shared, %loop ], [ {new}, %fresh ]"
