"""Parameters that all processes have, of which each steps its own rows, and keeps the states of these alone.

So ZeRO's first stage divides states: Rajbhandari et al. 2020, "ZeRO: Memory optimizations toward training trillion
parameter models", section 5.1. https://arxiv.org/abs/1910.02054
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import torch
import torch.distributed as dist
from torch import Tensor

from ..described import kind_of
from .local_parameter import LocalParameter
from .shards import LocalShard, shard_at
from .waiting import Transfer

BUCKET = 2**22
"""Elements of parameters that are gathered in one message: while it is under way, the next is put together."""


Parts: TypeAlias = list[list[Tensor]]
"""For each process, the elements that it has of each parameter of a bucket."""


class Division:
    """How plain parameters are divided among the processes of a group: by ranges of their elements in memory."""

    def __init__(self, group: Any) -> None:
        if not dist.is_initialized():
            raise RuntimeError(
                "states can be divided only among processes that know each other: call "
                "torch.distributed.init_process_group() before shard_states()"
            )
        self.group: Any = dist.group.WORLD if group is None else group
        if not isinstance(self.group, dist.ProcessGroup):
            raise TypeError(
                "shard_states needs process_group to be a torch.distributed.ProcessGroup that this process is in, or "
                f"None for all processes, but got {kind_of(self.group)}: pass one that torch.distributed.new_group made"
            )
        self.meshes: dict[str, Any] = {}
        self.size = dist.get_world_size(self.group)
        self.key: list[Any] = []
        self.parts: list[Parts] = []
        """What each process has of the parameters of each bucket, and the parameters for which that was found out."""

    def local_parameter(self, param: Tensor) -> LocalParameter:
        """Make the local parameter over this process's rows of a parameter, in its very memory."""
        shard = self.shard(param)
        own = LocalParameter(part(param.detach(), shard), param.requires_grad)
        own.shard = shard
        return own

    def shard(self, param: Tensor) -> LocalShard:
        """Divide the outermost dimension in memory that has more than one index; a single number is everybody's."""
        from torch.distributed.tensor import Replicate, Shard

        order = sorted(range(param.dim()), key=lambda dim: (-param.stride()[dim], dim))
        dim = next((dim for dim in order if param.shape[dim] > 1), None)
        placement = Replicate() if dim is None else Shard(dim)
        mesh = self._mesh(param.device.type)
        return shard_at(tuple(param.shape), tuple(param.stride()), mesh, (placement,), mesh.get_coordinate())

    def copies(self, param: Tensor) -> LocalShard:
        """Say of a parameter that every process has all of it."""
        from torch.distributed.tensor import Replicate

        mesh = self._mesh(param.device.type)
        return shard_at(tuple(param.shape), tuple(param.stride()), mesh, (Replicate(),), mesh.get_coordinate())

    def _mesh(self, kind: str) -> Any:
        """Give the mesh of the group's processes, on a kind of device."""
        if kind not in self.meshes:
            from torch.distributed.device_mesh import DeviceMesh

            self.meshes[kind] = DeviceMesh.from_group(self.group, kind)
        return self.meshes[kind]

    @torch.no_grad()
    def gather(self, params: Sequence[Tensor]) -> None:
        """Let all processes have the rows that each has stepped: one all-gather a bucket."""
        key = [(id(param), param.data_ptr()) for param in params]
        if key != self.key:
            self.key, self.parts = key, [self._parts(bucket) for bucket in _buckets(params)]
        under_way: list[tuple[Transfer, Parts]] = []
        for parts in self.parts:
            under_way.append((self._send(parts), parts))
            if len(under_way) > 1:
                self._receive(*under_way.pop(0))
        for one in under_way:
            self._receive(*one)

    def explain(self, params: Sequence[Tensor]) -> str:
        """Say what travels after a step."""
        here = dist.get_rank(self.group)
        parts = [self._parts(bucket) for bucket in _buckets(params)]
        size = sum(each.nbytes for own in parts for each in own[here])
        return (
            f"a step takes {len(parts)} all-gather of {len(params)} parameters, in which this process sends {size:,} "
            f"bytes to each of {self.size - 1} others"
        )

    def _parts(self, params: Sequence[Tensor]) -> Parts:
        """View what each process has of parameters."""
        shards = [(param.detach(), self.shard(param)) for param in params]
        return [
            [
                _flat(part(param, shard_at(own.shape, own.stride, own.mesh, own.placements, (rank,))))
                for param, own in shards
            ]
            for rank in range(self.size)
        ]

    def _send(self, parts: Parts) -> Transfer:
        most = max(sum(each.numel() for each in own) for own in parts)
        here = parts[dist.get_rank(self.group)]
        message = here[0].new_zeros(most)
        flat = torch.cat(here)
        message[: flat.numel()] = flat
        received = message.new_empty(self.size * most)
        work = dist.all_gather_into_tensor(
            received.view(torch.uint8), message.view(torch.uint8), group=self.group, async_op=True
        )
        return Transfer(work, received, f"the all-gather of {len(here)} parameters after a step")

    def _receive(self, transfer: Transfer, parts: Parts) -> None:
        here = dist.get_rank(self.group)
        for rank, (own, message) in enumerate(zip(parts, transfer.wait().chunk(self.size), strict=True)):
            sizes: list[int] = [each.numel() for each in own]
            if rank != here and any(sizes):
                torch._foreach_copy_(own, list(torch.split(message[: sum(sizes)], sizes)))


def part(tensor: Tensor, shard: LocalShard) -> Tensor:
    """View the part of a whole tensor that a shard tells of."""
    for dim, own in enumerate(shard.indices):
        if len(own) < shard.shape[dim]:
            tensor = tensor.narrow(dim, own[0] if own else 0, len(own))
    return tensor


def _flat(tensor: Tensor) -> Tensor:
    """View the elements of a piece of memory in their order."""
    return tensor.as_strided((tensor.numel(),), (1,))


def _buckets(params: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Put parameters of one dtype and device together, as many as go in a message."""
    found: dict[Any, list[Tensor]] = {}
    for param in params:
        if param.numel() > 1:
            bucket = found.setdefault((param.dtype, param.device), [])
            bucket.append(param)
            if sum(each.numel() for each in bucket) >= BUCKET:
                yield found.pop((param.dtype, param.device))
    yield from found.values()
