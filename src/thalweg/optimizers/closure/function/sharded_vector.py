"""Sharded parameters as one vector, whole on each process: all go the same way, and scalar products need no message.

An evaluation takes one message: the gradient's parts, and the loss, of which the mean over processes is taken, as FSDP
takes that of gradients. What a method remembers is whole on each process, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ....distributed.shards import LocalShard, is_sharded, local, shard_of
from ....distributed.sums import Sums
from ....state.layout import whole
from .vector import Vector


class ShardedVector(Vector):
    """The vector of parameters of which some are sharded; the others are the same on all processes."""

    has_leaves = False
    is_shared = True

    def __init__(self, params: Sequence[Any], scales: Sequence[float] | None = None, owner: str = "") -> None:
        self.params = list(params)
        self.shards = [shard_of(param) if is_sharded(param) else None for param in self.params]
        self.places = [shard and shard.places(local(param).device) for shard, param in self._pairs()]
        # In the place of a sharded parameter stands one of which this process has all.
        super().__init__([self._stand_in(*pair) for pair in self._pairs()], scales)
        self.sums = Sums([shard for shard in self.shards if shard], owner)

    def _pairs(self) -> Any:
        return zip(self.shards, self.params, strict=True)

    def _stand_in(self, shard: LocalShard | None, param: Any) -> Tensor:
        return param if shard is None else torch.zeros(shard.shape, dtype=param.dtype, device=local(param).device)

    def read(self) -> Tensor:
        """Return a copy of the values, shape (size,)."""
        parts = [self._spread(*each) for each in zip(self.shards, self.places, map(_mine, self.params), strict=True)]
        return self._added(self._join([_real(part) for part in parts]), torch.zeros(()))[0]

    def write(self, values: Tensor) -> None:
        """Put `values`, shape (size,), into the parameters, and into what is here of sharded ones."""
        super().write(values)
        for param, places, stand_in in zip(self.params, self.places, self.tensors, strict=True):
            if places is not None:
                local(param).copy_(stand_in.reshape(-1)[places.reshape(-1)].view(places.shape))

    def gradient(self) -> Tensor | None:
        """Return this process's part of the gradient, in units of the scale; zeros elsewhere, None without any."""
        grads = [None if param.grad is None else _mine(param.grad) for param in self.params]
        if not any(grad is not None for grad in grads):
            return None
        return self.flatten([self._spread(*each) for each in zip(self.shards, self.places, grads, strict=True)])

    def agreed(self, loss: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of all processes' losses, and the whole gradient."""
        total, mean = self._added(gradient, whole(loss).double() / len(self.sums.ranks))
        return mean.to(loss.dtype).reshape(()), total

    def clear_gradients(self) -> None:
        """Forget the parameters' gradients."""
        for param in self.params:
            param.grad = None

    def _spread(self, shard: LocalShard | None, places: Tensor | None, part: Tensor | None) -> Tensor | None:
        """Put a part where it stands in the whole; what several processes have comes from one of them."""
        if part is None:
            return None
        if shard is None or places is None:
            return part if self._counts else torch.zeros_like(part)
        spread = part.new_zeros(shard.numel)
        if shard.is_first_copy:
            spread[places.reshape(-1)] = part.reshape(-1)
        return spread.view(shard.shape)

    @property
    def _counts(self) -> bool:
        """Whether what is the same everywhere is told by this process: the first of the mesh."""
        first = next(shard for shard in self.shards if shard)
        return first.coordinate is not None and not any(first.coordinate)

    def _added(self, part: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """Add up all processes' parts, and a number, in one message."""
        message = torch.cat([part.double(), number.detach().double().reshape(1).to(part.device)])
        found = self.sums.add(message, "the gradient")
        # A copy starts where memory is aligned, as any vector does: the order of scalar products depends on that.
        return found[:-1].to(part.dtype, copy=True), found[-1]


def vector_of(owner: str, params: Sequence[Any], scales: Sequence[float]) -> Vector:
    """Return parameters as one vector, whether some are sharded or not; raises ValueError for some without numbers."""
    if any(param.is_meta for param in params):
        raise ValueError(
            f"{owner}.step needs parameters that have numbers, but some are on the meta device: make them elsewhere by "
            "to_empty(device=...), and initialize them"
        )
    return ShardedVector(params, scales, owner) if any(map(is_sharded, params)) else Vector(params, scales)


def _mine(tensor: Any) -> Tensor:
    return local(tensor).detach() if is_sharded(tensor) else tensor.detach()


def _real(part: Any) -> Tensor:
    return (torch.view_as_real(part) if part.is_complex() else part).reshape(-1)
