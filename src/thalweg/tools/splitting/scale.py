"""The learning rate of a layer: less, the deeper it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...hyper import SMALLEST, Option, Range


@dataclass(frozen=True)
class Scale:
    """What multiplies a rate from one layer to the next one below, and the rates of the top layer."""

    decay: float | None
    least: float
    lr: float | None
    adamw_lr: float | None
    muon: bool

    def check(self, layers: Sequence[str] | None) -> None:
        """Raise TypeError or ValueError for numbers out of range, or such as say nothing together."""
        ranges = {"layer_decay": Range(SMALLEST, 1), "least_scale": Range(0, 1), "lr": Range(0), "adamw_lr": Range(0)}
        values = {"layer_decay": self.decay, "least_scale": self.least, "lr": self.lr, "adamw_lr": self.adamw_lr}
        for name, value in values.items():
            Option(name, ranges[name], None, may_be_none=name != "least_scale").check(value, "split")
        if self.decay is None:
            if layers is not None or self.least:
                raise ValueError("split got layers or a least_scale without layer_decay: pass that too, as 0.75")
            return
        needed = ("lr", "adamw_lr") if self.muon else ("lr",)
        for name in needed:
            if values[name] is None:
                raise ValueError(f"layer_decay multiplies rates, so split needs {name} as well: pass {name}=1e-3, say")

    def rate(self, options: Mapping[str, Any], below: int) -> Any:
        """Give the rate of a parameter so many layers below the top; None if the optimizer's own is meant."""
        top = options.get("lr", self.adamw_lr if self._is_adamws(options) else self.lr)
        if top is None or self.decay is None:
            return top
        return Option("lr", Range(0), None).check(top, "split", " in a rule") * max(self.decay**below, self.least)

    def _is_adamws(self, options: Mapping[str, Any]) -> bool:
        return self.muon and options.get("use_muon") is False
