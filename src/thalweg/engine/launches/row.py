"""A row of a launch: one parameter, its states and its gradient, as kernels get their addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.shards import Run
from ...formula.graph.expr import BLOCK
from ...formula.tracing.program import Program
from ...state.formats.format import PACKED
from ...state.layout import lie_alike
from ..operands import address, addresses
from ..pieces.line_pieces import Counts, size


@dataclass(frozen=True)
class Row:
    """A parameter in a launch: its tensors, and whether this is its first step."""

    param: Tensor
    state: dict[str, Any]
    """What will be kept of it: it is put in place by the step that first changes it."""
    options: int
    """The address of its group's numbers."""
    is_fresh: bool
    numbers: dict[str, float]
    """What formulas may ask of it."""
    work: dict[str, Tensor]
    """The tensors that wait between two passes for what a function of whole matrices makes of them, and the vectors."""
    counts: Counts | None = None
    """How many matrices, rows and columns it has, where its formula speaks of them."""

    @cached_property
    def elements(self) -> int:
        """The number of its real numbers."""
        return self.param.numel() * self._parts

    @property
    def _parts(self) -> int:
        return 2 if self.param.is_complex() else 1

    @property
    def runs(self) -> list[Run]:
        """Where its numbers stand in the whole tensor: all in one piece, or those of a shard in several."""
        whole = [Run(0, 0, self.param.numel())]
        found = self.param.runs if isinstance(self.param, LocalParameter) else whole
        return [Run(*(2 * word for word in run)) for run in found] if self._parts == 2 else found

    @property
    def tensors(self) -> dict[str, Any]:
        """All but the gradient, by name."""
        return {"param": self.param, **self.state, **self.work}

    def tensor(self, name: str) -> Any:
        """Give one of them."""
        return self.param if name == "param" else self.work[name] if name in self.work else self.state[name]

    def address(self, name: str, program: Program, dtypes: Mapping[str, torch.dtype]) -> int:
        """Give the address of a tensor or number to a kernel that was built for such dtypes."""
        count = self.count(name, program, dtypes[name])
        return address(name, self.tensor(name), dtypes[name], count, self.param.device)

    def count(self, name: str, program: Program, dtype: torch.dtype) -> int:
        """Count the elements that a kernel reads or writes of a tensor or number."""
        count = 1 if name in program.scalars else self.elements
        if self.counts and name not in program.scalars:
            count = size(self.counts, program.scope(name))
        if name in program.blocks or dtype is PACKED:
            blocks = getattr(self.param, "fragment_count", -(-count // BLOCK))
            count = blocks * (1 if name in program.blocks else BLOCK)
        return count


def place_gradients(
    params: Sequence[Tensor], grads: Sequence[Tensor], relaid: list[tuple[Tensor, Tensor]]
) -> list[int]:
    """Return the addresses of gradients; where one lies unlike its parameter, of the place where a copy will lie."""
    places = [_place(param, grad, relaid) for param, grad in zip(params, grads, strict=True)]
    return addresses("grad", places, params[0].dtype, [param.numel() for param in params], params[0].device)


def _place(param: Tensor, grad: Tensor, relaid: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Find where a gradient lies like its parameter, in its dtype: where it is, or where it will be copied to."""
    if lie_alike(param, grad) and grad.dtype == param.dtype:
        return grad
    place = torch.empty_like(param, memory_format=torch.preserve_format, requires_grad=False)
    relaid.append((place, grad.detach()))
    return place
