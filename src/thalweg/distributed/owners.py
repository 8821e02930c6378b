"""Matrices have owners: a matrix that is divided is made whole on one process, which does its work once, for all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .shards import LocalShard


class Loads:
    """How much work each process has so far; the same rule on all of them gives the same owners."""

    def __init__(self, processes: int) -> None:
        self.loads = [0.0] * processes

    def owners(self, cost: float, count: int) -> list[int]:
        """Give each of so many matrices to the process that has the least work, and return how many each has got."""
        counts = [0] * len(self.loads)
        for _ in range(count):
            owner = self.loads.index(min(self.loads))
            self.loads[owner] += cost
            counts[owner] += 1
        return counts


def cost(shape: Sequence[int]) -> float:
    """Say what products of a matrix with itself cost, up to a factor: rows times columns times the shorter side."""
    rows, columns = shape[0] if shape else 1, prod(shape[1:])
    return float(rows * columns * min(rows, columns))


def is_whole_here(shard: LocalShard, batch_dims: int) -> bool:
    """Tell if each matrix is on one process as it is: only dimensions that count matrices are divided, if any."""
    divided = (getattr(placement, "dim", None) for placement in shard.placements)
    return all(dim is None or dim < batch_dims for dim in divided)
