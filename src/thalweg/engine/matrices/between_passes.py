"""Functions of whole matrices, between two passes: on all matrices of one shape at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...formula.matrices.matrix import work_dtype
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ..commit import Change
from ..pieces.workspace import Workspace
from . import products

MOST = 2**24
"""Elements that are worked on at once, unless one tensor alone has more: their memory is used again by the next."""


def most(device: torch.device) -> int:
    """Say how many elements are worked on at once: a GPU is only filled by twice as many as a processor is."""
    return MOST if device.type == "cpu" else 2 * MOST


class Matrices:
    """What waits between the passes of one launch: its parameters are of one group, and lie alike in memory."""

    def __init__(
        self, program: Program, params: Sequence[Tensor], group: Mapping[str, Any], space: Workspace, compiler: str
    ) -> None:
        self.group, self.compiler, self.first = group, compiler, params[0]
        first = self.first
        shape, strides = (len(params), *first.shape), (first.numel(), *first.stride())
        names = [name for item in passes(program) for name in item.matrices]
        self.stacks = {
            name: space.take(name, len(params) * first.numel(), work_dtype(first.dtype), first.device).as_strided(
                shape, strides
            )
            for name in names
        }
        for item in passes(program):
            self._build(item)

    def of(self, index: int) -> dict[str, Tensor]:
        """Give the tensors of one parameter, by name."""
        return {name: stack[index] for name, stack in self.stacks.items()}

    def changes(self, program: Program) -> Iterator[Change]:
        """Yield what makes all that is due after a pass."""
        yield partial(self.make, program)

    @torch.no_grad()
    def make(self, program: Program) -> None:
        """Make what is due after a pass, where its operands are."""
        for name, node in program.matrices.items():
            products.make(self.stacks[name], products.Made.of(node, self.first, self.group, self.compiler))

    @torch.no_grad()
    def _build(self, program: Program) -> None:
        """Have all kernels before anything changes: they are tried on zeros."""
        for name, node in program.matrices.items():
            made = products.Made.of(node, self.first, self.group, self.compiler)
            if products.why_torch(made) is None:
                products.make(torch.zeros_like(self.stacks[name][:1]), made)
