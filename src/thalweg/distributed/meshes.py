"""The processes of a mesh: their ranks, and the groups in which they tell each other something."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.distributed as dist

from .shards import LocalShard

_groups: dict[tuple[int, ...], Any] = {}
"""Groups that were made for meshes of several dimensions, by their ranks."""


def ranks_of(mesh: Any) -> list[int]:
    """List the processes of a mesh."""
    return sorted(mesh.mesh.flatten().tolist())


def by_mesh(shards: Iterable[LocalShard]) -> dict[tuple[int, ...], list[LocalShard]]:
    """Sort tensors by the processes that share them, in an order that is the same on all processes."""
    found: dict[tuple[int, ...], list[LocalShard]] = {}
    for shard in shards:
        found.setdefault(tuple(ranks_of(shard.mesh)), []).append(shard)
    return dict(sorted(found.items()))


def differing(shards: Iterable[LocalShard]) -> tuple[LocalShard, LocalShard] | None:
    """Find two tensors that are not shared by the same processes."""
    first, *others = shards
    return next(((first, other) for other in others if ranks_of(other.mesh) != ranks_of(first.mesh)), None)


def groups_of(mesh: Any) -> list[Any]:
    """Give the groups over which sums are taken in turn: that of all processes, or one for each dimension."""
    if ranks_of(mesh) == list(range(dist.get_world_size())):
        return [None]
    return [mesh.get_group(place) for place in range(mesh.ndim)]


def group_of(mesh: Any) -> Any:
    """Give the process group of all processes of a mesh."""
    if mesh.ndim == 1:
        return mesh.get_group()
    ranks = tuple(sorted(map(int, mesh.mesh.flatten())))
    if ranks == tuple(range(dist.get_world_size())):
        return dist.group.WORLD
    if ranks not in _groups:
        _groups[ranks] = dist.new_group(list(ranks), use_local_synchronization=True)
    return _groups[ranks]


def rank_in(mesh: Any) -> int:
    """Say which process this is among all of a mesh."""
    return dist.get_rank(group_of(mesh))
