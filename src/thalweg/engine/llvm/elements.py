"""The pass over the elements: each tensor is read once and written once."""

from collections.abc import Iterator, Mapping

import torch

from ...formula.passes import Program
from .formats import COMPUTE, FORMATS
from .text import Values, block, is_condition


def elements(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the loop over one piece of one tensor."""
    compute = COMPUTE[dtypes["compute"]]
    given = program.formula.names | {value: name for name, value in program.stores.items()}
    values = Values(compute, {name: f"%{name}" for name in program.tensors}, given)
    arguments = ", ".join(f"ptr noalias %{name}.start" for name in program.tensors)
    return f"""
define internal void @elements({arguments}, ptr noalias %slots, i64 %length) {{
entry:
{block(slots(program, compute))}
  br label %loop

loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{block(addresses(program, dtypes), loads(program, dtypes))}
{block(values.arithmetic(program.stores.values()), stores(program, dtypes, values))}
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, %length
  br i1 %done, label %exit, label %loop

exit:
  ret void
}}
"""


def slots(program: Program, compute: str) -> Iterator[str]:
    """Read the numbers, once before the loop."""
    for index, number in enumerate(program.numbers):
        yield f"%slot.{index}.at = getelementptr {compute}, ptr %slots, i64 {index}"
        if is_condition(number):
            yield f"%slot.{index}.number = load {compute}, ptr %slot.{index}.at"
            yield f"%slot.{index} = fcmp une {compute} %slot.{index}.number, 0.0"
        else:
            yield f"%slot.{index} = load {compute}, ptr %slot.{index}.at"


def addresses(program: Program, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Find the element of each tensor."""
    for name in program.tensors:
        yield f"%{name}.at = getelementptr inbounds {FORMATS[dtypes[name]].type}, ptr %{name}.start, i64 %i"


def loads(program: Program, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Read the elements, widened to the format that is computed in."""
    for name in program.loads:
        form = FORMATS[dtypes[name]]
        text = form.load.format(x=f"%{name}", at=f"%{name}.at", type=form.type, bytes=form.bytes)
        yield from text.strip().splitlines()


def stores(program: Program, dtypes: Mapping[str, torch.dtype], values: Values) -> Iterator[str]:
    """Write the elements, rounded once."""
    for name, value in program.stores.items():
        form = FORMATS[dtypes[name]]
        text = form.store.format(x=values[value], at=f"%{name}.at", type=form.type, bytes=form.bytes)
        yield from text.strip().splitlines()
