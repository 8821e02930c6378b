"""How matrices of one shape travel to the processes that own them, and back: each way is one all-to-all message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .meshes import group_of
from .shards import LocalShard, grid, indices_at
from .waiting import Transfer


class Exchange:
    """What each process has, sends and receives of some matrices, which are sorted by their owners.

    `parts` is a tensor of one dimension with what is here of all matrices, one after the other, in the order of memory.
    At an owner, there is a stack of its matrices, of shape (matrices, *shape of the whole).
    """

    def __init__(self, shard: LocalShard, counts: Sequence[int]) -> None:
        self.shard, self.counts = shard, list(counts)
        self.group = group_of(shard.mesh)
        self.here = dist.get_rank(self.group)
        self.own = self.counts[self.here]
        """How many matrices this process owns."""

    @cached_property
    def coordinates(self) -> list[tuple[int, ...]]:
        """Where in the mesh each process of the group is."""
        mesh = self.shard.mesh
        places = product(*(range(mesh.size(dim)) for dim in range(mesh.ndim)))
        ranks = {int(mesh.mesh[place]): place for place in places}
        return [ranks[dist.get_global_rank(self.group, rank)] for rank in range(len(ranks))]

    @cached_property
    def indices(self) -> list[tuple[tuple[int, ...], ...]]:
        """The indices that each process has, by dimension."""
        return [indices_at(self.shard, coordinate) for coordinate in self.coordinates]

    @cached_property
    def sizes(self) -> list[int]:
        """How many elements of a matrix each process has."""
        return [prod(map(len, part)) for part in self.indices]

    @cached_property
    def sends(self) -> list[bool]:
        """Which processes send to this one, and it to them: of copies, those of the owner's own replica."""
        copies = [dim for dim, placement in enumerate(self.shard.placements) if placement.is_replicate()]
        here = self.coordinates[self.here]
        return [all(place[dim] == here[dim] for dim in copies) for place in self.coordinates]

    def there(self, parts: Tensor) -> Transfer:
        """Send what is here of each matrix to its owner."""
        size = self.sizes[self.here]
        outgoing = [count * size * sends for count, sends in zip(self.counts, self.sends, strict=True)]
        incoming = [self.own * size * sends for size, sends in zip(self.sizes, self.sends, strict=True)]
        received = parts.new_empty(sum(incoming))
        # To processes of other replicas nothing is sent: what they would get is cut out.
        each = torch.split(parts, [count * size for count in self.counts])
        sent = (
            parts
            if all(self.sends)
            else torch.cat([own for own, is_sent in zip(each, self.sends, strict=True) if is_sent])
        )
        return self._all_to_all(received, sent, incoming, outgoing, "to their owners")

    def whole(self, received: Tensor) -> Tensor:
        """Put matrices together from what has arrived of them."""
        stack = received.new_empty((self.own, *self.shard.shape))
        pieces = torch.split(
            received, [self.own * size * sends for size, sends in zip(self.sizes, self.sends, strict=True)]
        )
        for part, piece, sends in zip(self.indices, pieces, self.sends, strict=True):
            if sends and piece.numel():
                stack[_places(part)] = self._shaped(piece, part)
        return stack

    def back(self, stack: Tensor, parts: Tensor) -> Transfer:
        """Send each process its own part of each matrix; what arrives here replaces `parts`."""
        sent = torch.cat([self.flat(stack[_places(part)]) for part in self.indices])
        outgoing = [self.own * size for size in self.sizes]
        incoming = [count * self.sizes[self.here] for count in self.counts]
        return self._all_to_all(parts, sent, incoming, outgoing, "back from their owners")

    def parts(self, received: Tensor) -> Tensor:
        """Give what has arrived of each matrix the shape that it has here."""
        part = self.indices[self.here]
        return self._shaped(received, part) if received.numel() else received.view(sum(self.counts), *map(len, part))

    @property
    def elements_sent(self) -> int:
        """Count the elements that this process sends to others in both directions."""
        there = sum(
            count * self.sizes[self.here] * sends
            for rank, (count, sends) in enumerate(zip(self.counts, self.sends, strict=True))
            if rank != self.here
        )
        return there + sum(self.own * size for rank, size in enumerate(self.sizes) if rank != self.here)

    def _all_to_all(
        self, received: Tensor, sent: Tensor, incoming: Sequence[int], outgoing: Sequence[int], where: str
    ) -> Transfer:
        """Exchange as bytes, which every backend does."""
        size = sent.element_size()
        work = dist.all_to_all_single(
            received.view(torch.uint8),
            sent.contiguous().view(torch.uint8),
            [count * size for count in incoming],
            [count * size for count in outgoing],
            group=self.group,
            async_op=True,
        )
        words = f"the all-to-all of {sum(self.counts)} matrices of shape {self.shard.shape} {where}"
        return Transfer(work, received, words)

    def _shaped(self, piece: Tensor, part: Sequence[Sequence[int]]) -> Tensor:
        """Give elements in the order of memory their dimensions."""
        order = self.shard.order
        back = sorted(range(len(order)), key=order.__getitem__)
        return piece.view(-1, *(len(part[dim]) for dim in order)).permute(0, *(1 + dim for dim in back))

    def flat(self, pieces: Tensor) -> Tensor:
        """Lay out elements of several matrices in the order of memory."""
        return pieces.permute(0, *(1 + dim for dim in self.shard.order)).reshape(-1)


def _places(part: Sequence[Sequence[int]]) -> tuple[Any, ...]:
    """Give the index of a part of each matrix of a stack."""
    return (slice(None), *grid(part))
