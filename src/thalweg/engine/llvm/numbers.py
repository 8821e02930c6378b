"""The numbers of each parameter: computed in float64 before the pass, and shared by rows that have the same."""

from collections.abc import Iterator, Mapping

import torch

from ...formula.passes import Program
from .formats import COMPUTE, FORMATS
from .layout import CONTEXT, RowLayout
from .text import ATTRIBUTES, Values, block, is_condition, word


def prepare(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> str:
    """Write the loop over the rows: count the step, then compute the numbers or share those of the row before."""
    values = Values(
        "double", {symbol.label: option_name(symbol.label) for symbol in program.inputs} | {"step_count": "%step"}
    )
    results = [*program.numbers, *program.updates.values()]
    compute = COMPUTE[dtypes["compute"]]
    names = layout.scalars
    return f"""
define dso_local void @prepare(ptr %context) {ATTRIBUTES} {{
entry:
{block(word("rows.all", "context", CONTEXT.index("rows")), word("slots", "context", CONTEXT.index("slots")))}
{block(word("power.of", "context", CONTEXT.index("power")))}
{block(word("row_count", "context", CONTEXT.index("row_count"), "i64"))}
  %taken = getelementptr i64, ptr %context, i64 {CONTEXT.index("next_chunk")}
  store i64 0, ptr %taken
  %empty = icmp eq i64 %row_count, 0
  br i1 %empty, label %exit, label %loop

loop:
  %r = phi i64 [ 0, %entry ], [ %next, %kept ]
  %options.before = phi ptr [ null, %entry ], [ %options, %kept ]
  %slots.before = phi ptr [ null, %entry ], [ %slots.row, %kept ]
{block(f"%{name}.before = phi double [ 0.0, %entry ], [ %{name}.old, %kept ]" for name in names)}
{block(f"%{name}.shared = phi double [ 0.0, %entry ], [ %{name}.new, %kept ]" for name in names)}
  %row.start = mul i64 %r, {layout.width}
  %row = getelementptr i64, ptr %rows.all, i64 %row.start
{block(word("options", "row", layout.options))}
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
  %slots.at = getelementptr i64, ptr %row, i64 {layout.slots}
  store ptr %slots.row, ptr %slots.at
{block(line for name in (names if program.is_last else ()) for line in write(name, dtypes))}
  %next = add i64 %r, 1
  %done = icmp eq i64 %next, %row_count
  br i1 %done, label %exit, label %loop

exit:
  ret void
}}
"""


def option_name(label: str) -> str:
    """Name an option: betas[0] is %betas.0."""
    return "%" + label.replace("[", ".").replace("]", "")


def read(name: str, layout: RowLayout, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Read a number of the row, in float64; the step is counted as it is read."""
    kind = FORMATS[dtypes[name]].type
    yield from word(f"{name}.at", "row", layout.scalar(name))
    yield f"%{name}.kept = load {kind}, ptr %{name}.at"
    yield f"%{name}.old = " + (
        f"fpext {kind} %{name}.kept to double" if kind != "double" else f"fadd double %{name}.kept, -0.0"
    )
    yield f"%{name} = fadd double %{name}.old, {'1.0' if name == 'step' else '-0.0'}"


def write(name: str, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Write a number of the row back."""
    kind = FORMATS[dtypes[name]].type
    rounded = f"fptrunc double %{name}.new to {kind}" if kind != "double" else f"fadd double %{name}.new, -0.0"
    yield f"%{name}.rounded = {rounded}"
    yield f"store {kind} %{name}.rounded, ptr %{name}.at"


def same(names: tuple[str, ...]) -> Iterator[str]:
    """Tell if a row starts from the same numbers as the row before."""
    yield "%same.options = icmp eq ptr %options, %options.before"
    condition = "%same.options"
    for name in names:
        yield f"%equal.{name} = fcmp oeq double %{name}.old, %{name}.before"
        yield f"%same.{name} = and i1 {condition}, %equal.{name}"
        condition = f"%same.{name}"
    yield f"%same = and i1 {condition}, true"


def options(program: Program) -> Iterator[str]:
    """Read the group's options."""
    for index, symbol in enumerate(program.options):
        name = option_name(symbol.label)
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
        new = values[program.updates[name]] if name in program.updates else f"%{name}"
        yield f"%{name}.new = phi double [ %{name}.shared, %loop ], [ {new}, %fresh ]"
