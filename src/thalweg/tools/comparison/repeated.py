"""The runs of one optimizer from several seeds, taken together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from statistics import mean, stdev

from .choose import Choice
from .compare import Run


@dataclass(frozen=True)
class Repeated:
    """An optimizer and its runs."""

    runs: Sequence[Run]

    @property
    def choice(self) -> Choice:
        """The optimizer and its options."""
        return self.runs[0].choice

    @cached_property
    def sound(self) -> list[Run]:
        """The runs that ended well."""
        return [run for run in self.runs if not run.trouble]

    @property
    def trouble(self) -> str:
        """What went wrong, and how often; or nothing."""
        troubled = [run for run in self.runs if run.trouble]
        if not troubled or len(self.runs) == 1:
            return troubled[0].trouble if troubled else ""
        return f"{len(troubled)} of {len(self.runs)} seeds: {troubled[0].trouble}"

    def mean(self, value: Callable[[Run], float]) -> float:
        """Average over the runs that ended well, or over all if none did."""
        values = [value(run) for run in self.sound or self.runs]
        return mean(values) if all(map(isfinite, values)) else nan

    def spread(self, value: Callable[[Run], float]) -> float | None:
        """Give the standard deviation from seed to seed; None where there is one seed."""
        values = [value(run) for run in self.sound]
        return stdev(values) if len(values) > 1 and all(map(isfinite, values)) else None


def repeated(runs: Iterable[Run]) -> list[Repeated]:
    """Put the runs of each choice together, in their order."""
    by_choice: dict[str, list[Run]] = {}
    for run in runs:
        by_choice.setdefault(str(run.choice), []).append(run)
    return [Repeated(own) for own in by_choice.values()]
