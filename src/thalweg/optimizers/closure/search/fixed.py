"""No search: the step that was proposed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .trial import Phi, Trial


@dataclass(frozen=True, slots=True)
class Fixed:
    """Take the first step length, halved only while the function is not finite there."""

    limit: int = 60

    def __call__(self, phi: Phi, start: Trial, first: float, longest: float = math.inf) -> Trial | None:
        """Return the first finite trial, or None where none is."""
        alpha = min(first, longest)
        for _ in range(self.limit):
            trial = phi(alpha)
            if trial.finite:
                return trial
            alpha *= 0.5
        return None
