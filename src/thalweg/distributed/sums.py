"""Sums over all processes that share tensors: one collective for all numbers that can wait for the same moment.

Each message begins with a number that says how many processes have something to tell. So a process that cannot go on
sends the message that the others are waiting for, and all of them raise an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ..formula.graph.number import exact_sum_in_two
from .meshes import groups_of, ranks_of
from .shards import LocalShard
from .waiting import waited_for


class StoppedError(RuntimeError):
    """Raised on each process where one of them has something to tell."""


class Sums:
    """The processes that share some tensors, and what they add up."""

    def __init__(self, shards: Sequence[LocalShard], owner: str) -> None:
        first = shards[0].mesh
        self.owner, self.ranks = owner, ranks_of(first)
        self.place = self.ranks.index(dist.get_rank())
        self.groups = groups_of(first)
        self.device = torch.device(first.device_type)
        self.count, self.bytes = 0, 0
        """The collectives that were made, and the bytes of their messages."""

    def add(self, numbers: Tensor, what: str, trouble: bool = False) -> Tensor:
        """Add each number of all processes; raises StoppedError if one of them has something to tell."""
        return self._reduced(numbers, dist.ReduceOp.SUM, what, trouble)

    def largest(self, numbers: Tensor, what: str, trouble: bool = False) -> Tensor:
        """Take the largest of each number of all processes; raises StoppedError if one has something to tell."""
        return self._reduced(numbers, dist.ReduceOp.MAX, what, trouble)

    def total(self, numbers: Iterable[float], what: str) -> list[float]:
        """Give few numbers whose exact sum is that of all numbers of all processes.

        Each process has two places of its own in the message, so nothing is rounded on the way, and the order in which
        processes are added up does not matter.
        """
        # Of so few numbers, NumPy is told in a third of the time: torch's code has left the caches while a pass ran.
        message = np.zeros(1 + places_of_totals(len(self.ranks)))
        message[1 + 2 * self.place : 3 + 2 * self.place] = exact_sum_in_two(numbers)
        told, *found = self._sent(torch.from_numpy(message), dist.ReduceOp.SUM, what).tolist()
        if told:
            raise StoppedError
        return found

    def told(self, mine: Any, what: str = "what each is about to do") -> list[Any]:
        """Let each process hear what all tell, in the order of ranks; `what` says for an error what that is."""
        found = [(dist.get_rank(), mine)]
        for group in self.groups:
            parts: list[Any] = [None] * dist.get_world_size(group)
            self._wait(partial(dist.all_gather_object, parts, found, group), f"the all_gather of {what}")
            found = [item for part in parts for item in part]
        return [item for _, item in sorted(found, key=itemgetter(0))]

    def _reduced(self, numbers: Tensor, how: Any, what: str, trouble: bool) -> Tensor:
        message = self._sent(torch.cat([numbers.new_full((1,), trouble), numbers]), how, what)
        if message[0]:
            raise StoppedError
        return message[1:].to(numbers.device)

    def _sent(self, message: Tensor, how: Any, what: str) -> Tensor:
        """Reduce a message of all processes, whose first number tells if one of them has something to tell."""
        message = message.to(self.device)
        for group in self.groups:
            self._wait(partial(dist.all_reduce, message, how, group), f"the all_reduce of {what}")
            self.count += 1
            self.bytes += message.nbytes
        return message

    def _wait(self, call: Any, what: str) -> None:
        waited_for(f"{what} of processes {self.ranks}", call, self.owner)


def places_of_totals(processes: int) -> int:
    """Count the numbers of a message in which each process has two places of its own."""
    return 2 * processes


def largest(numbers: Tensor, mesh: Any) -> Tensor:
    """Take the largest of each number of all processes of a mesh."""
    for place in range(mesh.ndim):
        reduce = partial(dist.all_reduce, numbers, dist.ReduceOp.MAX, mesh.get_group(place))
        waited_for(f"the all_reduce of blocks of states of processes {ranks_of(mesh)}", reduce)
    return numbers
