"""Who makes functions of whole matrices: torch, or a Triton kernel that computes half of each symmetric product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...described import on_one_line
from ...formula.graph.expr import MatrixFunction
from ...formula.matrices.matrix import MATRIX_FUNCTIONS, matrix_shape, work_dtype
from ...formula.matrices.unrounded import unrounded
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ...formula.tracing.trace import evaluate
from ...warned import warn
from ..triton import available
from ..triton.device.device import current

LEAST = 256
"""Rows and columns at least: of one tile of 128 rows there is no half to leave out."""

WIDTH = 16
"""Sizes are multiples of this many elements, so that rows start where wide words do."""

_failures: dict[torch.device, str] = {}
"""The devices on which the kernel could not be built, and why: tried once, told once."""


@dataclass(frozen=True)
class Made:
    """A function of whole matrices as it is asked for: of what tensors, with which numbers, and by whose kernels."""

    how: str
    like: Tensor
    """One of the parameters, which are all alike."""
    numbers: Sequence[Any]
    compiler: str

    @classmethod
    def of(cls, node: MatrixFunction, like: Tensor, group: Mapping[str, Any], compiler: str) -> Made:
        """Find the numbers in a group's options, as they are now."""
        return cls(node.how, like, [evaluate(number, group) for number in node.numbers], compiler)


def all_made(program: Program, like: Tensor, group: Mapping[str, Any], compiler: str) -> Iterator[Made]:
    """Yield all functions of whole matrices of a program and of those that go before it."""
    for item in passes(program):
        for node in item.matrices.values():
            yield Made.of(node, like, group, compiler)


def make(stack: Tensor, made: Made) -> None:
    """Make a function of all matrices of a stack, in place."""
    with unrounded():
        if why_torch(made) is not None or not _is_made_by_kernel(stack, made):
            stack.copy_(MATRIX_FUNCTIONS[made.how](stack, *made.numbers))


def why_torch(made: Made) -> str | None:
    """Say why torch's products are taken; None if the kernel for symmetric ones is."""
    if made.compiler != "triton" or made.how != "orthogonalize":
        return "there is no kernel for them"
    return (
        _why_not_device(made.like.device)
        or _why_not_matrices(made.like, *map(int, made.numbers[2:4]))
        or _failures.get(made.like.device)
    )


def _why_not_device(device: torch.device) -> str | None:
    if available.interprets():
        return None
    if device.type != "cuda" or torch.version.hip:
        return f"the kernel for symmetric ones is not for {device.type}"
    from ..triton.products.symmetric import TILES

    found = torch.cuda.get_device_capability(device)
    return None if found in TILES else f"the kernel for symmetric ones is not for compute capability {found}"


def _why_not_matrices(like: Tensor, batch_dims: int, blocks: int) -> str | None:
    shape = matrix_shape(like.shape, batch_dims, blocks)
    if work_dtype(like.dtype) is not torch.bfloat16:
        return f"the kernel for symmetric ones is not for {like.dtype}"
    if min(shape) < LEAST or shape[0] * shape[1] >= 2**31:
        return f"{shape[0]} x {shape[1]} is too {'small' if min(shape) < LEAST else 'large'} for halves to pay"
    if any(size % WIDTH for size in shape):
        return f"{shape[0]} x {shape[1]} is not in multiples of {WIDTH}"
    return None if like.is_contiguous() else "rows do not follow each other in memory"


def _is_made_by_kernel(stack: Tensor, made: Made) -> bool:
    """Let the kernel make it; whatever goes wrong in Triton, training goes on with torch's products."""
    try:
        from ..triton.products.newton_schulz import newton_schulz_

        with current(stack.device):
            newton_schulz_(stack, *made.numbers)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = f"no kernel for symmetric ones could be built: {on_one_line(error)}"
        _failures[made.like.device] = reason
        warn(f"torch multiplies matrices in a kernel's place, as {reason}")
        return False
    return True
