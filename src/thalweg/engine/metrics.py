"""What an optimizer knows of its last step: sums that the kernels took on their way."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

SQUARES = ("grad_square", "step_square", "param_square")
"""What a tracked formula measures."""


class Metrics:
    """The counts since the start, and the sums of the last step, one for each parameter."""

    def __init__(self) -> None:
        self.clipped = self.skipped = 0
        self.norm: Any = None
        self.sums: dict[str, list[Any]] = defaultdict(list)

    def add(self, name: str, value: Any) -> None:
        """Take in the sum of one parameter."""
        self.sums[name].append(value)

    def report(self) -> dict[str, float]:
        """Say what is known: norms need `track=True`, or gradients that are looked at anyway."""
        known: dict[str, float] = {}
        if self.norm is not None:
            known["grad_norm"] = float(self.norm)
        roots = {name: math.sqrt(math.fsum(map(float, self.sums[name]))) for name in SQUARES if name in self.sums}
        if "grad_square" in roots:
            known["grad_norm"] = roots["grad_square"]
        if "step_square" in roots:
            weight = roots["param_square"]
            known["update_to_weight"] = roots["step_square"] / weight if weight else math.inf
        return known | {"clipped": self.clipped, "skipped": self.skipped}
