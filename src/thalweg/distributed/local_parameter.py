"""What this process has of a sharded parameter, as a parameter of its own: a plain tensor that knows its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..formula.graph.places import BLOCK
from .shards import LocalShard, Run, local, runs_of_all, shard_of


class Fragment(NamedTuple):
    """The elements of one block of the whole tensor that follow each other here."""

    place: int
    """Where the first one stands in the whole tensor, in its order in memory."""
    first: int
    """Where it stands here."""
    length: int
    """How many there are."""
    block: int
    """Which of the whole tensor's blocks it is of."""


class LocalParameter(torch.nn.Parameter):
    """A plain parameter over the memory of a shard."""

    shard: LocalShard
    sharded: Any = None
    """The sharded parameter; None where it is a part of a plain one."""

    def let_go(self, _: Any) -> None:
        """Let go of a gradient: the one of the sharded parameter is no more."""
        self.grad = None

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor: what formulas speak of."""
        return self.shard.shape

    @property
    def runs(self) -> list[Run]:
        """The pieces that follow each other, here and in the whole tensor."""
        return self.shard.runs

    @property
    def fragment_count(self) -> int:
        """Count the pieces of blocks that are here: each has a scale of its own, so no two are written at once."""
        return sum((run.place + run.length - 1) // BLOCK - run.place // BLOCK + 1 for run in self.runs)

    @property
    def starts_with_blocks(self) -> bool:
        """True if each block is whole here, or ends with the tensor: then they lie as those of a whole tensor do."""
        ends = (run.place + run.length for run in self.runs)
        return all(run.place % BLOCK == 0 for run in self.runs) and all(
            end % BLOCK == 0 or end == self.shard.numel for end in ends
        )

    @property
    def fragments(self) -> Iterator[Fragment]:
        """Cut the runs where blocks begin."""
        for place, first, length in self.runs:
            done = 0
            while done < length:
                count = min(BLOCK - (place + done) % BLOCK, length - done)
                yield Fragment(place + done, first + done, count, (place + done) // BLOCK)
                done += count

    @cached_property
    def seams(self) -> list[int]:
        """List the blocks of the whole tensor that lie in several pieces, here or on any other process."""
        return sorted({block for runs in runs_of_all(self.shard) for block in _cut(runs, self.shard.numel)})

    @cached_property
    def pieces(self) -> tuple[Tensor, Tensor]:
        """Say which fragments here are of such blocks, and of which of them, by its place in the list."""
        places = {block: place for place, block in enumerate(self.seams)}
        found = [(index, places[each.block]) for index, each in enumerate(self.fragments) if each.block in places]
        table = torch.tensor(found, dtype=torch.int64, device="cpu").reshape(-1, 2)
        return table[:, 0], table[:, 1]

    @cached_property
    def slots(self) -> Tensor | None:
        """Say for each element, in the order of memory, where it stands if each fragment has a block of its own.

        None where that is the order that they have.
        """
        if self.starts_with_blocks:
            return None
        pieces = [
            torch.arange(length, device="cpu") + (index * BLOCK + place % BLOCK)
            for index, (place, _, length, _) in enumerate(self.fragments)
        ]
        return torch.cat(pieces).to(self.device) if pieces else torch.zeros(0, dtype=torch.int64, device=self.device)


def _cut(runs: list[Run], numel: int) -> Iterator[int]:
    """Give the blocks in whose midst a run begins or ends."""
    for place, _, length in runs:
        if place % BLOCK:
            yield place // BLOCK
        if (place + length) % BLOCK and place + length < numel:
            yield (place + length) // BLOCK


def local_parameter(param: Any) -> LocalParameter:
    """Make the local parameter of a sharded one, over the same memory."""
    own = LocalParameter(local(param).detach(), bool(param.requires_grad))
    own.shard, own.sharded = shard_of(param), param
    if getattr(param, "grad_dtype", param.dtype) != param.dtype:
        own.grad_dtype = param.grad_dtype
    return own


def bearer(param: Any) -> Any:
    """Give the parameter that has the gradient: the sharded one, for what is here of it."""
    return param.sharded if isinstance(param, LocalParameter) and param.sharded is not None else param
