"""The simplest search: shorten the step until the value has fallen enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .interpolation import cubic, inside
from .trial import Phi, Trial


@dataclass(frozen=True, slots=True)
class Backtracking:
    """Armijo's condition, with the minimizer of the cubic as the next trial.

    Armijo 1966, "Minimization of functions having Lipschitz continuous first partial derivatives"; Nocedal & Wright
    2006, "Numerical Optimization", algorithm 3.1 and section 3.5.
    """

    decrease: float = 1e-4
    shortest_ratio: float = 0.1
    longest_ratio: float = 0.5
    limit: int = 40

    def __call__(self, phi: Phi, start: Trial, first: float, longest: float = math.inf) -> Trial | None:
        """Return the first trial that falls enough, or None where none does."""
        alpha = min(first, longest)
        for _ in range(self.limit):
            trial = phi(alpha)
            if trial.finite and trial.value <= start.value + self.decrease * alpha * start.slope:
                return trial
            alpha = self.shorter(start, trial)
        return None

    def shorter(self, start: Trial, trial: Trial) -> float:
        """Return the next step length; a non-finite trial has no cubic, so the longest cut."""
        if not trial.finite:
            return self.shortest_ratio * trial.alpha
        low, high = self.shortest_ratio * trial.alpha, self.longest_ratio * trial.alpha
        return inside(cubic(start, trial), low, high)
