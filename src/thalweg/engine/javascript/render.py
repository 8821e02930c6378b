"""A program as a JavaScript function: the numbers of a step in float64, then each element in float32.

Each operation is rounded once, in the order of the CPU kernel, so the bits are its bits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import torch

from ...formula.graph.expr import walk
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program, Slot
from .text import RESERVED, Values, bare, block, free, local

SQUARES = "total_square"
"""The sums of which each term is a square."""

NO_STEPS = ("observe", "average")
"""The functions of a rule that take no step, and so count none."""


def why_not(program: Program, dtypes: Mapping[str, torch.dtype]) -> str | None:
    """Say why a program has no function with the kernel's bits; None if it has."""
    if program.formula.multiplies:
        return "its formula multiplies whole matrices, which torch does in an order of its own"
    if any(each.work for each in passes(program)):
        return "its formula calls a function of whole matrices, which torch computes in bfloat16"
    if program.formula.rule.owner.surveys:
        return "its step waits for sums over all parameters"
    if program.formula.draws:
        return "its formula draws random numbers"
    if program.has_lines:
        return "its formula goes along rows and columns"
    if program.kept or any(dtypes[name] is not torch.float32 for name in program.tensors):
        return "its parameter or its states are not kept in float32"
    return None


def render(program: Program, dtypes: Mapping[str, torch.dtype], name: str = "step") -> str:
    """Write the function of a step, in all its passes; raises ValueError where there is none with the kernel's bits.

    `self` are a group's options, `state` what is one number a parameter, `tensors` what has elements.
    """
    if reason := why_not(program, dtypes):
        raise ValueError(f"{program.formula.rule.owner.__name__} has no JavaScript with the kernel's bits: {reason}")
    taken = RESERVED.copy()
    body = [line for each in passes(program) for line in _pass(each, dtypes, taken)]
    told = ", ".join(local(name) for name in program.totals)
    result = [f"return {{ {told} }}"] if program.totals else []
    counted = [] if name in NO_STEPS else ["state.step_count += 1"]
    return f"function {called(name)}(self, state, tensors) {{\n{block(counted, body, result)}\n}}"


def called(name: str) -> str:
    """Write what a function of an object is called: what is no word stands in quotes."""
    return name if name.isidentifier() else json.dumps(name)


def _pass(program: Program, dtypes: Mapping[str, torch.dtype], taken: set[str]) -> Iterator[str]:
    """Write the numbers of a pass, its loop, its sums, and the new states that are one number."""
    numbers = Values("", [*program.numbers, *program.updates.values()], program.formula.names, taken)
    yield from numbers.lines()
    slots = {}
    for index, number in enumerate(program.numbers):
        text = numbers[number]
        slots[index] = free(stem_of(text), taken)
        yield f"const {slots[index]} = " + (f"f32({bare(text)})" if number.kind == "number" else bare(text))
    yield from (f"const {local(name)}_sum = new Sum()" for name in program.totals)
    if program.stores or program.totals:
        yield "for (let i = 0; i < tensors.param.length; i++) {"
        yield from (f"  {line}" for line in _element(program, slots, taken.copy()))
        yield "}"
    yield from (f"const {local(name)} = {local(name)}_sum.total()" for name in program.totals)
    if program.updates:
        new = (f"{name}: {_kept(numbers[value], dtypes[name])}" for name, value in program.updates.items())
        yield f"Object.assign(state, {{ {', '.join(new)} }})"


def stem_of(text: str) -> str:
    """Name a number as elements meet it after what it is before it is rounded."""
    found = re.fullmatch(r"(?:self\.|state\.)?(\w+)(?:\[(\d+)\])?", text)
    return f"{'_'.join(filter(None, found.groups()))}_32" if found else "number_32"


def _kept(text: str, dtype: torch.dtype) -> str:
    return f"f32({bare(text)})" if dtype is torch.float32 else bare(text)


def _element(program: Program, slots: Mapping[int, str], taken: set[str]) -> Iterator[str]:
    """Write what is done to each element: all is read before anything is written."""
    read = {name: free(name, taken) for name in program.loads}
    terms = {total.operands[0]: f"{name}_term" for name, total in program.totals.items() if total.how == SQUARES}
    given = terms | program.formula.names | {value: name for name, value in program.stores.items()}
    values = Values("f32", program.results, given, taken, read)
    values.texts |= {node: slots[node.index] for node in walk(*program.results) if isinstance(node, Slot)}
    yield from (f"const {text} = tensors.{name}[i]" for name, text in read.items())
    yield from values.lines()
    for name, total in program.totals.items():
        text = values[total.operands[0]]
        yield f"{local(name)}_sum.add(i, {f'{text} * {text}' if total.how == SQUARES else bare(text)})"
    yield from (f"tensors.{name}[i] = {bare(values[value])}" for name, value in program.stores.items())
