"""Kernels as a device's own code, to read and to check; no such device need be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ....formula.graph.expr import BLOCK
from ....formula.tracing.program import Program
from ..device.rounding import contracts_nothing
from .lines.items import TILE, warps_of
from .render import render
from .settings import ROWS, Setting, setting_of
from .source import imported

TARGETS = {"ptx": GPUTarget("cuda", 80, 32), "amdgcn": GPUTarget("hip", "gfx942", 64)}
"""What is compiled for: an A100 or newer, and an MI300."""

WORDS, NUMBERS, CHUNKS, FLAG = "*i64", "*fp64", "*i32", "*fp32"

PREPARE = {"overflowed": FLAG, "rows": WORDS, "given": NUMBERS, "numbers": NUMBERS, "row_count": "i32"}
UPDATE = {"overflowed": FLAG, "rows": WORDS, "gradients": WORDS, "numbers": NUMBERS, "chunks": CHUNKS}
SUMMING = UPDATE | {"sums": NUMBERS}
FINISH = {"overflowed": FLAG, "rows": WORDS, "sums": NUMBERS, "totals": NUMBERS}


ITEMS = {"overflowed": FLAG, "rows": WORDS, "gradients": WORDS, "numbers": NUMBERS, "items": WORDS}
PARTIALS = {"partials": NUMBERS, "partial_count": "i32"}
CLOSE = {"overflowed": FLAG, "rows": WORDS, "items": WORDS, **PARTIALS}


class Entry(NamedTuple):
    """A function of a kernel's module, its arguments' types, its constants and its warps."""

    name: str
    arguments: dict[str, str]
    constants: dict[str, Any]
    warps: int


def functions(program: Program, setting: Setting) -> Iterator[Entry]:
    """List the functions of a program: those for aligned tensors alone."""
    yield Entry("prepare", PREPARE, {"ROWS": ROWS}, 1)
    if program.has_lines:
        yield from line_functions(program)
        return
    yield Entry("update", SUMMING if program.totals else UPDATE, setting.constants | {"ALIGNED": True}, setting.warps)
    if program.totals:
        yield Entry("finish", FINISH, {}, 1)


def line_functions(program: Program) -> Iterator[Entry]:
    """List those of a pass along lines: for long lines alone."""
    long: dict[str, Any] = {"COLUMNS": BLOCK}
    if program.across:
        yield Entry("across", ITEMS | PARTIALS, long | {"ALIGNED": True}, warps_of("across", BLOCK, program))
        yield Entry("close", CLOSE, long, warps_of("close", BLOCK, program))
    if program.totals:
        yield Entry("total", ITEMS | {"sums": NUMBERS}, long | {"ALIGNED": True}, warps_of("total", BLOCK, program))
        yield Entry("finish", FINISH, {}, 1)
    yield Entry("walk", ITEMS, {"LINES": TILE // BLOCK} | long | {"ALIGNED": True}, warps_of("walk", BLOCK, program))


NAMES = ("prepare", "update", "finish", "walk", "across", "close", "total")
"""All functions of kernels."""


def compiled(
    program: Program,
    dtypes: Mapping[str, torch.dtype],
    target: GPUTarget,
    names: Sequence[str] = NAMES,
) -> Iterator[tuple[str, Any]]:
    """Compile functions for a kind of device."""
    module = imported(render(program, dtypes), program.formula.rule.owner.__name__.lower())
    for function in functions(program, setting_of(program, dtypes)):
        if function.name in names:
            yield function.name, _compiled(getattr(module, function.name), function, target)


def assembly(program: Program, dtypes: Mapping[str, torch.dtype], language: str = "ptx") -> str:
    """Compile all functions; `language` is ptx for NVIDIA's devices or amdgcn for AMD's."""
    return "\n".join(str(found.asm[language]) for _, found in compiled(program, dtypes, TARGETS[language]))


def _compiled(jit: Any, function: Entry, target: GPUTarget) -> Any:
    types = function.arguments.values()
    aligned = {(place,): [["tt.divisibility", 16]] for place, kind in enumerate(types) if kind[0] == "*"}
    signature = function.arguments | dict.fromkeys(function.constants, "constexpr")
    source = ASTSource(jit, signature, function.constants, aligned)
    options = contracts_nothing(target.backend == "cuda") | {"num_warps": function.warps}
    return triton.compile(source, target=target, options=options)
