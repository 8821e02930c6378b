"""What an optimizer knows of its last step: sums that the kernels took on their way."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ..formula.around import MEASURED
from ..formula.number import exact_sum


class Metrics:
    """The counts since the start, and the sums of the last step, one for each parameter."""

    def __init__(self) -> None:
        self.clipped, self.skipped = 0, 0
        self.undecomposed = 0
        """Matrices that had no eigenvalues, or no root, so that the last ones stayed."""
        self.norm: Any = None
        self.on_device: dict[torch.device, Any] = {}
        """Where a device takes the norm of all gradients, and counts for itself."""
        self.sums: dict[str, list[Any]] = defaultdict(list)

    def add(self, name: str, value: Any) -> None:
        """Take in the sum of one parameter."""
        self.sums[name].append(value)

    def take(self, name: str, sums: Any) -> None:
        """Take in the sums of many parameters; those on a device are not waited for."""
        if isinstance(sums, Tensor):
            self.sums[name].append(sums)
        else:
            self.sums[name].extend(sums.tolist())

    def report(self) -> dict[str, float]:
        """Say what is known: norms need `track=True`, or gradients that are looked at anyway."""
        known: dict[str, float] = {}
        if self.norm is not None:
            known["grad_norm"] = float(self.norm)
        roots = {name: math.sqrt(exact_sum(_numbers(self.sums[name]))) for name in MEASURED if name in self.sums}
        if "grad_square" in roots:
            known["grad_norm"] = roots["grad_square"]
        if "step_square" in roots:
            weight = roots["param_square"]
            known["update_to_weight"] = roots["step_square"] / weight if weight else math.inf
        clipped, skipped = self.clipped, self.skipped
        for common in self.on_device.values():
            more = common.counts.tolist()
            clipped, skipped = clipped + int(more[0]), skipped + int(more[1])
        if self.undecomposed:
            known["failed_decompositions"] = self.undecomposed
        return known | {"clipped": clipped, "skipped": skipped}


def _numbers(sums: Iterable[Any]) -> Iterator[float]:
    """Read numbers, and tensors of them."""
    for item in sums:
        yield from item.flatten().tolist() if isinstance(item, Tensor) else (float(item),)
