"""Limited-memory BFGS on a face of a box: on the numbers that no limit stops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..function.objective import Point
from ..function.vector import read_numbers
from .limited_memory import LimitedMemory


class Face:
    """The memory's pairs with zeros in place of the stopped numbers, so that their products are those on the face.

    Cutting the direction instead would take a block of the inverse for the inverse of a block: on bounded versions of
    the benchmark (`benchmarks/bounded.py`) that took 1.4 times the evaluations of L-BFGS-B. Schmidt, Kim & Sra 2011,
    "Projected Newton-type methods in machine learning". A face that stays learns one pair a step.
    """

    def __init__(self) -> None:
        self.free: Tensor | None = None
        self.seen = 0
        self.memory = LimitedMemory(0)

    def direction(self, memory: LimitedMemory, inner: Point, free: Tensor) -> Tensor:
        """Return -H g on the face, where `inner` has a gradient of zero off it."""
        same = self.free is not None and self.seen <= memory.learned and torch.equal(self.free, free)
        if not same or memory.learned - self.seen > 1 or memory.fresh:
            self._start(memory, free)
        elif memory.learned > self.seen:
            self._learn(memory, [memory.newest], free)
        self.seen = memory.learned
        return self.memory(inner, not_needed)

    def _start(self, memory: LimitedMemory, free: Tensor) -> None:
        """Take all pairs to another face."""
        self.free = free
        self.memory = LimitedMemory(memory.history_size)
        self._learn(memory, memory.places, free)

    def _learn(self, memory: LimitedMemory, places: list[int], free: Tensor) -> None:
        """Take pairs to the face, but for those that do not bend upwards there beyond rounding."""
        if not places:
            return
        s, z = memory.s[places] * free, memory.z[places] * free
        products = -(s * z).sum(1)
        lengths = lengths_of_rows(s) * lengths_of_rows(z)
        rounding = torch.finfo(s.dtype).eps ** 0.5
        numbers = read_numbers(*products.unbind(), *lengths.unbind())
        for i, (product, length) in enumerate(zip(numbers[: len(places)], numbers[len(places) :], strict=True)):
            if product > rounding * length:
                self.memory.remember(s[i], -z[i], product)

    def state(self) -> dict[str, Any]:
        """Return the face and its pairs; a wrapped memory would not come out alike from all pairs."""
        return {"free": self.free, "seen": self.seen, "size": self.memory.history_size, "memory": self.memory.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.free, self.seen = state["free"], state["seen"]
        self.memory = LimitedMemory(state["size"])
        self.memory.restore(state["memory"])


def lengths_of_rows(rows: Tensor) -> Tensor:
    """Return the length of each row, whose squares may leave the dtype's range; NaN for one of zeros."""
    sizes: Tensor = torch.linalg.vector_norm(rows, float("inf"), dim=1)
    return (rows / sizes[:, None]).square().sum(1).sqrt() * sizes


def not_needed(vector: Tensor) -> Tensor:
    """Stand for the Hessian, which no quasi-Newton direction multiplies by."""
    raise NotImplementedError
