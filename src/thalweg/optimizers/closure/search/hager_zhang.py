"""A search that still works where differences of values are lost in rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .interpolation import cubic, inside, secant
from .trial import Phi, Trial

LOOSE = 0.7
"""The share of the slope that is enough to have lost where the loss tells nothing: an exact search would give up."""


@dataclass(frozen=True, slots=True)
class HagerZhang:
    """Wolfe's conditions, or the approximate ones that need no difference of values.

    Hager & Zhang 2005, "A new conjugate gradient method with guaranteed descent and an efficient line search",
    equations 1.4, 4.1 and steps U0 to U3, https://doi.org/10.1137/030601880; trial points by the cubic through
    both ends instead of their double secant, since value and slope come together here.
    """

    delta: float = 0.01
    sigma: float = 0.7
    epsilon: float = 1e-6
    limit: int = 40
    inside: int = 10

    @property
    def hopeful(self) -> int:
        """How many trials are made inside a bracket that rounding hides: an exact search has one to overshoot with."""
        return 1 if self.sigma > 0.5 else 2

    def __call__(self, phi: Phi, start: Trial, first: float, longest: float = math.inf) -> Trial | None:
        """Return an acceptable trial, else the lowest one met, or None where none lies below `start`."""
        low, high, best = start, None, start
        before, alpha = start, min(first, longest)
        widths, inside = (math.inf, math.inf), 0
        for _ in range(self.limit):
            trial = phi(alpha)
            if self.accepts(start, trial):
                return trial
            if trial.value < best.value and trial.finite:
                best = trial
            if high is not None and (trial.is_like(low) or trial.is_like(high)):
                break
            if self.too_far(start, trial):
                high = trial
            elif alpha >= longest:
                break
            else:
                before, low = low, trial
            if high is None:
                alpha = min(beyond(before, low), longest)
                continue
            inside += best is start
            if inside >= self.inside or (-start.slope * high.alpha <= start.noise and inside >= self.hopeful):
                break
            width = abs(high.alpha - low.alpha)
            slow = width > 0.66 * widths[0]
            alpha = 0.5 * (low.alpha + high.alpha) if slow and high.finite else self.between(start, low, high)
            widths = (widths[1], width)
            if not low.alpha < alpha < high.alpha:
                break
        return best if best.value < start.value else None

    def accepts(self, start: Trial, trial: Trial) -> bool:
        """Return whether the trial meets Wolfe's conditions or the approximate ones (4.1)."""
        # Where what the slope promises is lost in rounding, much of it may be left.
        is_lost = -start.slope * trial.alpha <= start.noise
        sigma = max(self.sigma, LOOSE) if is_lost else self.sigma
        if not trial.slope >= sigma * start.slope:
            return False
        falls = trial.value <= start.value + self.delta * trial.alpha * start.slope
        if falls and sigma > 0.5:
            return trial.finite
        is_flat = trial.slope <= -min(1 - 2 * self.delta, sigma) * start.slope
        return is_flat and (falls or trial.value <= self.ceiling(start)) and trial.finite

    def ceiling(self, start: Trial) -> float:
        """Return the value up to which a trial counts as no higher than the start."""
        return start.value + self.epsilon * abs(start.value)

    def too_far(self, start: Trial, trial: Trial) -> bool:
        """Return whether a minimizer lies to the left of the trial."""
        return trial.slope >= 0 or trial.value > self.ceiling(start) or not trial.finite

    def between(self, start: Trial, low: Trial, high: Trial) -> float:
        """Return the next trial's step length inside the bracket."""
        width = high.alpha - low.alpha
        if not high.finite:
            return low.alpha + 0.2 * width
        flat = abs(high.value - low.value) <= self.epsilon * abs(start.value)
        alpha = secant(low, high) if flat and high.slope > 0 else cubic(low, high)
        return inside(alpha, low.alpha + 0.02 * width, high.alpha - 0.02 * width)


def beyond(before: Trial, low: Trial) -> float:
    """Return a longer step length: where the cubic through two descending trials turns, within bounds."""
    step = low.alpha - before.alpha
    alpha = cubic(before, low)
    if math.isnan(alpha) or alpha <= low.alpha:
        alpha = low.alpha + 10 * step
    return inside(alpha, low.alpha + 0.5 * step, low.alpha + 10 * step)
