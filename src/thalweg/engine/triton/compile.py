"""Kernels as a device's own assembly, to read and to check; no such device need be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ...formula.expr import BLOCK
from ...formula.passes import Program
from .kernel import ROWS, SUMMED, contracts_nothing
from .render import render
from .source import imported
from .tuning import USUAL

TARGETS = {"ptx": GPUTarget("cuda", 80, 32), "amdgcn": GPUTarget("hip", "gfx942", 64)}
"""What is compiled for: an A100 or newer, and an MI300."""

Kernel: TypeAlias = tuple[Any, dict[str, str], dict[str, int], int]
"""A function, its arguments' types, its constants and its warps."""

WORDS, NUMBERS, CHUNKS, FLAG = "*i64", "*fp64", "*i32", "*fp32"

PREPARE = {"rows": WORDS, "given": NUMBERS, "numbers": NUMBERS, "overflowed": FLAG, "row_count": "i32"}
UPDATE = {"rows": WORDS, "gradients": WORDS, "numbers": NUMBERS, "chunks": CHUNKS, "overflowed": FLAG}
SUMMING = {"rows": WORDS, "gradients": WORDS, "numbers": NUMBERS, "chunks": CHUNKS, "sums": NUMBERS, "overflowed": FLAG}
FINISH = {"rows": WORDS, "sums": NUMBERS, "totals": NUMBERS}


def assembly(program: Program, dtypes: Mapping[str, torch.dtype], language: str = "ptx") -> str:
    """Compile all functions; `language` is ptx for NVIDIA's devices or amdgcn for AMD's."""
    module = imported(render(program, dtypes), program.formula.rule.owner.__name__.lower())
    kernels: list[Kernel] = [(module.prepare, PREPARE, {"ROWS": ROWS}, 1)]
    if program.totals:
        kernels.append((module.update, SUMMING, {"BLOCK": BLOCK, "LENGTH": SUMMED}, 2))
        kernels.append((module.finish, FINISH, {"LENGTH": SUMMED}, 1))
    else:
        kernels.append((module.update, UPDATE, {"BLOCK": USUAL.block}, USUAL.warps))
    return "\n".join(_compiled(language, *kernel) for kernel in kernels)


def _compiled(language: str, function: Any, arguments: dict[str, str], constants: dict[str, int], warps: int) -> str:
    aligned = {(place,): [["tt.divisibility", 16]] for place, kind in enumerate(arguments.values()) if kind[0] == "*"}
    signature = arguments | dict.fromkeys(constants, "constexpr")
    source = ASTSource(function, signature, constants, aligned)
    options = contracts_nothing(language == "ptx") | {"num_warps": warps}
    return str(triton.compile(source, target=TARGETS[language], options=options).asm[language])
