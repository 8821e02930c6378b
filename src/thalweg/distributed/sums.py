"""Sums over all processes that share tensors: one collective for all numbers that can wait for the same moment.

Each message begins with a number that says how many processes have something to tell: so a process that cannot go on
joins the others where they would wait for it, and all of them raise an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .shards import LocalShard


class StoppedError(RuntimeError):
    """Raised on each process, once one of them has said why it cannot go on."""


class LeftError(RuntimeError):
    """Raised where another process did not come."""


class Sums:
    """The processes that share some tensors, and what they add up."""

    def __init__(self, shards: Sequence[LocalShard], owner: str) -> None:
        first = shards[0].mesh
        self.owner, self.ranks = owner, ranks_of(first)
        self.groups = _groups(first, self.ranks)
        self.device = torch.device(first.device_type)
        self.count, self.bytes = 0, 0
        """The collectives that were made, and the bytes of their messages."""

    def add(self, numbers: Tensor, what: str, trouble: bool = False) -> Tensor:
        """Add numbers of all processes, in float64; raises StoppedError where one of them has something to tell."""
        told = torch.full((1,), float(trouble), dtype=torch.float64, device=numbers.device)
        message = torch.cat([told, numbers.reshape(-1)])
        message = self._reduced(message.to(self.device), dist.ReduceOp.SUM, what)
        if message[0]:
            raise StoppedError
        return message[1:].to(numbers.device)

    def largest(self, numbers: Tensor, what: str) -> Tensor:
        """Take the largest of each number of all processes; whole numbers of 32 bits."""
        return self._reduced(numbers.to(self.device), dist.ReduceOp.MAX, what).to(numbers.device)

    def told(self, mine: Any) -> list[Any]:
        """Let each process hear what all of them tell, in their order."""
        found = [mine]
        for group in self.groups:
            parts: list[Any] = [None] * dist.get_world_size(group)
            self._try(partial(dist.all_gather_object, parts, found, group), "what is told")
            found = [item for part in parts for item in part]
        return found

    def _reduced(self, message: Tensor, how: Any, what: str) -> Tensor:
        for group in self.groups:
            self._try(partial(dist.all_reduce, message, how, group), what)
            self.count += 1
            self.bytes += message.nbytes
        return message

    def _try(self, call: Callable[[], Any], what: str) -> None:
        try:
            call()
        except RuntimeError as error:
            raise LeftError(
                f"{self.owner} waited for {what} of processes {self.ranks}, but one of them left, or did not come "
                "within the timeout of init_process_group: start all processes anew, from the last checkpoint"
            ) from error


def largest(numbers: Tensor, mesh: Any) -> Tensor:
    """Take the largest of each number of all processes of a mesh."""
    for place in range(mesh.ndim):
        dist.all_reduce(numbers, dist.ReduceOp.MAX, group=mesh.get_group(place))
    return numbers


def ranks_of(mesh: Any) -> list[int]:
    """List the processes of a mesh."""
    return sorted(mesh.mesh.flatten().tolist())


def differing(shards: Iterable[LocalShard]) -> tuple[LocalShard, LocalShard] | None:
    """Find two tensors that are not shared by the same processes."""
    first, *others = shards
    return next(((first, other) for other in others if ranks_of(other.mesh) != ranks_of(first.mesh)), None)


def _groups(mesh: Any, ranks: list[int]) -> list[Any]:
    """Find the groups over which messages are added up: that of all processes, or one for each dimension of a mesh."""
    if ranks == list(range(dist.get_world_size())):
        return [None]
    return [mesh.get_group(place) for place in range(mesh.ndim)]
