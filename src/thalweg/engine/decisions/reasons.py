"""Which engine updates a parameter, and if not the fastest, why: the one function that decides."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ...formula.tracing.trace import Formula
from ...state.formats.format import Format
from ..operands import PLAIN, why_not_states, why_not_tensors
from ..triton import available
from .gradients import Ready
from .modes import SHOWN

ENGINES = ("auto", "eager", "llvm", "triton")
COMPILERS = ("llvm", "triton")

EAGER = "engine='eager' was asked for"
DIFFERENTIABLE = "differentiable=True leaves every operation to autograd"
SPARSE = "its gradient is sparse: only the elements that have one are looked at"
MATRICES = "its formula multiplies whole matrices, which is torch's work"
IN_BLOCKS_ALONG_LINES = "codes in blocks, and sums over matrices, do not go along rows and columns"
MOST_OPERATIONS = 3000
"""Operations of a pass that are compiled: LLVM takes some two seconds for them, and four times that for twice as many.
"""
WANTED = (EAGER, DIFFERENTIABLE, SPARSE, SHOWN)
"""The reasons for the eager engine that are what the user wanted."""


def checked_engine(engine: str, owner: str) -> str:
    """Return an engine's name; raises ValueError if there is no such engine."""
    if engine not in ENGINES:
        raise ValueError(f"{owner} has no engine {engine!r}: choose one of {', '.join(ENGINES)}")
    return engine


def why_eager(
    engine: str, item: Ready, formula: Formula, kept: Mapping[str, Format], state: Mapping[str, Any]
) -> str | None:
    """Say why a parameter is left to the eager engine; None if machine code updates it."""
    if engine == "eager":
        return EAGER
    if item.group["differentiable"]:
        return DIFFERENTIABLE
    if item.grad.is_sparse or torch.strided not in formula.rule.owner.layouts:
        return SPARSE
    if formula.multiplies:
        return MATRICES
    return (
        why_not_device(engine, item.param)
        or why_not_tensors(item.param, item.grad)
        or why_not_states(item.param, formula, kept, state)
    )


def why_not_program(engine: str, item: Ready, program: Program) -> str | None:
    """Say why no kernel is made of a program."""
    count = max(each.operation_count for each in passes(program))
    if count > MOST_OPERATIONS:
        return f"its formula has {count:,} operations, and compiling more than {MOST_OPERATIONS:,} takes too long"
    return why_not_lines(item, program)


def why_not_lines(item: Ready, program: Program) -> str | None:
    """Say what keeps kernels from going along a parameter's rows and columns, where its formula does."""
    sides = item.options.sides
    if not program.has_lines or sides is None:
        return None
    if not (sides.is_in_order and item.param.is_contiguous()):
        return "its rows do not lie one after another in memory"
    if program.blocks or any(each.domain == "matrix" for each in passes(program)):
        return IN_BLOCKS_ALONG_LINES
    return None if item.param.numel() else "it has no elements"


def compiler_for(engine: str, param: Tensor) -> str:
    """Say which of the compiling engines is for a parameter: the one that was asked for, or that of its device."""
    if engine in COMPILERS:
        return engine
    return "llvm" if param.device.type == "cpu" else "triton"


def has_memory(tensor: Any) -> TypeGuard[Tensor]:
    """Tell if a tensor's elements are at addresses of this machine's memory, or of a device's."""
    if type(tensor) not in PLAIN or is_functorch_wrapped_tensor(tensor):
        return False
    return tensor.device.type in ("cpu", *available.DEVICES) and tensor.layout == torch.strided


def why_not_device(engine: str, param: Tensor) -> str | None:
    """Say why an engine has no kernels for a parameter, wherever it is."""
    kind = param.device.type
    if compiler_for(engine, param) == "llvm":
        return None if kind == "cpu" else f"engine='llvm' has no kernels for {kind}"
    if kind not in ("cpu", *available.DEVICES):
        return f"there are no kernels for {kind}"
    reason = available.why_not()
    return reason or (None if available.runs_on(kind) else f"engine='triton' has no kernels for {kind}")
