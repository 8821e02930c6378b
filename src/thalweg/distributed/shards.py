"""Which elements of a whole tensor this process has: the one place that reads meshes and placements.

A DTensor is a tensor of which each process of a mesh has a part. What is told of it here is in numbers: for each
dimension the indices that are here, and where these elements stand in the whole tensor's order in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Run(NamedTuple):
    """Elements that follow each other, here and in the whole tensor."""

    place: int
    """Where the first one stands in the whole tensor, in its order in memory."""
    first: int
    """Where it stands here."""
    length: int
    """How many there are."""


@dataclass(frozen=True, eq=False)
class LocalShard:
    """The part of a tensor that this process has."""

    shape: tuple[int, ...]
    """Of the whole tensor."""
    stride: tuple[int, ...]
    """Of the whole tensor, as if it lay in one memory."""
    mesh: Any
    placements: tuple[Any, ...]
    coordinate: tuple[int, ...] | None
    """Where in the mesh the process is; None if it is no part of it."""
    indices: tuple[tuple[int, ...], ...]
    """For each dimension, which of its indices are here."""

    @property
    def numel(self) -> int:
        """Count the elements of the whole tensor."""
        return prod(self.shape)

    @property
    def local_shape(self) -> tuple[int, ...]:
        """The shape of the part that is here."""
        return tuple(map(len, self.indices))

    @property
    def offsets(self) -> tuple[int, ...] | None:
        """The first index that is here of each dimension; None if what is here is no box, or is empty."""
        is_box = all(own and own[-1] - own[0] + 1 == len(own) for own in self.indices)
        return tuple(own[0] for own in self.indices) if is_box else None

    @cached_property
    def order(self) -> list[int]:
        """The dimensions from the one with the longest way between elements to the one with the shortest."""
        return sorted(range(len(self.shape)), key=lambda place: (-self.stride[place], place))

    @cached_property
    def runs(self) -> list[Run]:
        """The pieces that follow each other in memory, here and in the whole tensor."""
        inner, dims = 1, list(self.order)
        while dims and len(self.indices[dims[-1]]) == self.shape[dims[-1]]:
            inner *= self.shape[dims.pop()]
        if not inner or not prod(map(len, self.indices)):
            return []
        places = [0]
        for dim in dims[:-1]:
            places = [place * self.shape[dim] + index for place in places for index in self.indices[dim]]
        pieces = list(_pieces(self.indices[dims[-1]])) if dims else [(0, 1)]
        size, runs, first = self.shape[dims[-1]] if dims else 1, list[Run](), 0
        for place in places:
            for start, count in pieces:
                runs.append(Run((place * size + start) * inner, first, count * inner))
                first += count * inner
        return runs

    @cached_property
    def is_first_copy(self) -> bool:
        """True for one of all processes that have these same elements: what it has counts in sums."""
        pairs = zip(self.coordinate or (), self.placements, strict=False)
        return self.coordinate is not None and all(place == 0 for place, placement in pairs if placement.is_replicate())

    @property
    def is_copied(self) -> bool:
        """True if every process has all of it."""
        return all(placement.is_replicate() for placement in self.placements)

    @property
    def is_partial(self) -> bool:
        """True if the elements that are here are terms of a sum."""
        return any(placement.is_partial() for placement in self.placements)

    def places(self, device: torch.device | str = "cpu") -> Tensor:
        """Give the place of each element in the whole tensor's order in memory, in the shape of what is here."""
        result = torch.zeros(self.local_shape, dtype=torch.int64, device=device)
        step = 1
        for dim in reversed(self.order):
            own = torch.tensor(self.indices[dim], dtype=torch.int64, device=device) * step
            result += own.view([-1 if place == dim else 1 for place in range(len(self.shape))])
            step *= self.shape[dim]
        return result

    def whole(self, local: Tensor, shape: tuple[int, ...] | None = None) -> Any:
        """Show a local tensor as a part of the whole one: a DTensor over the same memory."""
        from torch.distributed.tensor import DTensor

        shape = self.shape if shape is None else shape
        stride = self.stride if shape == self.shape else _contiguous(shape)
        with torch.no_grad():
            return DTensor.from_local(
                local, self.mesh, self.placements, run_check=False, shape=torch.Size(shape), stride=stride
            )

    @property
    def words(self) -> str:
        """Say in words who has what: of each dimension of the mesh, how it is divided."""
        names = self.mesh.mesh_dim_names or [f"dimension {place} of the mesh" for place in range(self.mesh.ndim)]
        sizes = (self.mesh.size(place) for place in range(self.mesh.ndim))
        return ", ".join(_words(*each) for each in zip(names, sizes, self.placements, strict=True))


def is_sharded(value: Any) -> bool:
    """Tell if a tensor is a DTensor, of which each process has a part; asking for its type would import a lot."""
    return hasattr(value, "full_tensor")


def everywhere(value: Tensor, mesh: Any) -> Any:
    """Show a tensor that all processes of a mesh have as a DTensor, which DTensors can be multiplied by."""
    from torch.distributed.tensor import DTensor, Replicate

    return DTensor.from_local(value, mesh, [Replicate()] * mesh.ndim, run_check=False)


def scattered(value: Tensor, like: Any) -> Any:
    """Divide a tensor that all processes of a mesh have as a DTensor is divided: what the first of them has counts."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements)


def shard_of(tensor: Any, coordinate: Sequence[int] | None = None) -> LocalShard:
    """Say which elements of a DTensor this process has, or the one at another coordinate of its mesh."""
    mesh = tensor.device_mesh
    own = mesh.get_coordinate() if coordinate is None else coordinate
    return shard_at(tuple(tensor.shape), tuple(tensor.stride()), mesh, tuple(tensor.placements), own)


def indices_at(shard: LocalShard, coordinate: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Say which indices of each dimension the process at another coordinate of the mesh has."""
    return shard_at(shard.shape, shard.stride, shard.mesh, shard.placements, coordinate).indices


def shard_at(
    shape: tuple[int, ...], stride: tuple[int, ...], mesh: Any, placements: tuple[Any, ...], own: Sequence[int] | None
) -> LocalShard:
    """Say which elements of a tensor of some shape and division the process at a coordinate of the mesh has."""
    indices = [tuple(range(size)) for size in shape]
    for place, placement in enumerate(placements):
        dim = getattr(placement, "dim", None)
        if dim is not None:
            # A process that is no part of the mesh has nothing.
            indices[dim] = () if own is None else _divided(indices[dim], placement, mesh.size(place), own[place])
    return LocalShard(shape, stride, mesh, placements, None if own is None else tuple(own), tuple(indices))


def grid(indices: Sequence[Sequence[int]]) -> tuple[Any, ...]:
    """Give the index of a part of a whole tensor: a view of it where the indices of each dimension are neighbours."""
    if all(not own or own[-1] - own[0] + 1 == len(own) for own in indices):
        return tuple(slice(own[0], own[-1] + 1) if own else slice(0) for own in indices)
    dims = len(indices)
    return tuple(
        torch.tensor(own, device="cpu").view([-1 if place == dim else 1 for place in range(dims)])
        for dim, own in enumerate(indices)
    )


def runs_of_all(shard: LocalShard) -> Iterator[list[Run]]:
    """Give the runs of each process that has other elements than those before."""
    sizes = [
        1 if placement.is_replicate() else shard.mesh.size(place) for place, placement in enumerate(shard.placements)
    ]
    for coordinate in product(*map(range, sizes)):
        yield shard_at(shard.shape, shard.stride, shard.mesh, shard.placements, coordinate).runs


def local(tensor: Any) -> Tensor:
    """Give what this process has of a DTensor, once it has arrived; of a parameter no parameter, but its memory."""
    if not is_sharded(tensor):
        return tensor.detach()  # type: ignore[no-any-return]
    with torch.no_grad():
        # A local tensor of a parameter would be marked as one itself.
        plain: Any = tensor.detach() if isinstance(tensor, torch.nn.Parameter) else tensor
        own: Any = plain.to_local()
    return own.wait() if hasattr(own, "wait") else own  # type: ignore[no-any-return]


def _divided(indices: tuple[int, ...], placement: Any, count: int, place: int) -> tuple[int, ...]:
    """Take one of so many shares of indices; a strided placement takes one of each of several parts.

    So FSDP divides what tensor parallelism has divided before.
    """
    parts = getattr(placement, "split_factor", 1)
    return tuple(index for part in range(parts) for index in _share(_share(indices, parts, part), count, place))


def _share(indices: tuple[int, ...], count: int, place: int) -> tuple[int, ...]:
    """Take one of so many shares as torch.chunk cuts them: the last ones may be smaller, or empty."""
    size = -(-len(indices) // count)
    return indices[place * size : (place + 1) * size]


def _pieces(indices: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Cut indices into pieces that follow each other: the first of each, and how many."""
    first = 0
    for place in range(1, len(indices) + 1):
        if place == len(indices) or indices[place] != indices[place - 1] + 1:
            yield indices[first], place - first
            first = place


def _contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Give the strides of a tensor that lies in the order of its indices."""
    return tuple(prod(shape[place + 1 :]) for place in range(len(shape)))


def _words(name: str, size: int, placement: Any) -> str:
    """Say what one dimension of a mesh does."""
    if placement.is_partial():
        return f"terms of a sum on {size} of {name}"
    if placement.is_replicate():
        return f"the same on {size} of {name}"
    return f"dimension {placement.dim} divided among {size} of {name}"
