"""What an optimizer knows of its last step: sums that the kernels took on their way."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ...formula.around.training_loop import MEASURED
from ...formula.graph.number import exact_sum


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
        self.whose: dict[str, list[int]] = defaultdict(list)
        """The identities of the parameters of these sums, in the same order; none where another process has one."""
        self.source: Any = None
        """The mark of the plan in whose tables the sums are, anew after each of its steps."""

    def begin(self) -> None:
        """Forget the sums of the last step."""
        self.sums.clear()
        self.whose.clear()
        self.source = None

    def add(self, name: str, value: Any, param: Tensor | None = None) -> None:
        """Take in the sum of one parameter."""
        self.sums[name].append(value)
        self.whose[name].append(id(param))

    def take(self, name: str, sums: Any, params: Iterable[Tensor]) -> None:
        """Take in the sums of many parameters; they are read where they are, and only if somebody asks."""
        self.whose[name].extend(map(id, params))
        self.sums[name].append(sums)

    def report(self) -> dict[str, float]:
        """Say what is known: norms need `track=True`, or gradients that are looked at anyway."""
        known: dict[str, float] = {}
        if self.norm is not None:
            known["grad_norm"] = float(self.norm)
        roots = {name: math.sqrt(exact_sum(numbers(self.sums[name]))) for name in MEASURED if name in self.sums}
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

    def of_each(self, named: Iterable[tuple[str, Tensor]]) -> dict[str, dict[str, float]]:
        """Say what is known of each parameter; those that the last step has not measured are left out."""
        columns = [dict(zip(self.whose[name], numbers(self.sums[name]), strict=True)) for name in MEASURED]
        return {
            name: _rates(*(each[id(param)] for each in columns)) for name, param in named if id(param) in columns[0]
        }


def _rates(grad_square: float, step_square: float, param_square: float) -> dict[str, float]:
    weight = math.sqrt(param_square)
    return {
        "grad_norm": math.sqrt(grad_square),
        "update_to_weight": math.sqrt(step_square) / weight if weight else math.inf,
    }


def numbers(sums: Iterable[Any]) -> Iterator[float]:
    """Read numbers, and columns of them."""
    for item in sums:
        yield from item.flatten().tolist() if getattr(item, "ndim", 0) else (float(item),)
