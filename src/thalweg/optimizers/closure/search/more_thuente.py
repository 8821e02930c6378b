"""The search of MINPACK and L-BFGS-B: a shrinking interval that holds a strong Wolfe point."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .interpolation import cubic, quadratic, secant
from .trial import Phi, Trial


@dataclass(slots=True)
class Interval:
    """The interval of uncertainty: the better end, the other end, and whether it holds a minimizer."""

    best: Trial
    other: Trial
    bracketed: bool = False

    def width(self) -> float:
        """Return the distance of the ends."""
        return abs(self.other.alpha - self.best.alpha)


@dataclass(frozen=True, slots=True)
class MoreThuente:
    """Strong Wolfe's conditions, by safeguarded cubic and quadratic steps.

    Moré & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", sections 2 to 4,
    https://doi.org/10.1145/192115.192132. A non-finite trial is an upper bound on the step, never an end.
    """

    decrease: float = 1e-3
    curvature: float = 0.9
    width: float = 1e-10
    level: float = 1e-12
    limit: int = 40
    inside: int = 12

    def __call__(self, phi: Phi, start: Trial, first: float, longest: float = math.inf) -> Trial | None:
        """Return a trial that meets both conditions, else the lowest met, or None where none lies below `start`."""
        interval, wall = Interval(start, start), longest
        alpha, widths, auxiliary, inside = min(first, longest), (math.inf, math.inf), True, 0
        for _ in range(self.limit):
            trial = phi(alpha)
            if not trial.finite:
                wall = alpha
                alpha = interval.best.alpha + 0.2 * (wall - interval.best.alpha)
                continue
            if self.accepts(start, trial) or (alpha == longest and self.falls(start, trial) and trial.slope < 0):
                return trial
            auxiliary = auxiliary and not (self.falls(start, trial) and trial.slope >= 0)
            alpha = self.next_step(start, interval, trial, auxiliary, wall)
            if math.isnan(alpha) or alpha == trial.alpha:
                break
            if interval.bracketed:
                inside += interval.best.value >= start.value
                if inside >= self.inside or -start.slope * trial.alpha <= start.noise:
                    break
                alpha = force_shrinking(interval, alpha, widths[0])
                widths = (widths[1], interval.width())
                if interval.width() <= self.width * max(interval.best.alpha, interval.other.alpha):
                    break
        return interval.best if interval.best.value < start.value else None

    def accepts(self, start: Trial, trial: Trial) -> bool:
        """Return whether the strong Wolfe conditions (1.1) and (1.2) hold; between equal values slopes decide."""
        level = abs(trial.value - start.value) <= self.level * abs(start.value)
        return (level or self.falls(start, trial)) and abs(trial.slope) <= -self.curvature * start.slope

    def falls(self, start: Trial, trial: Trial) -> bool:
        """Return whether the value has fallen enough (1.1)."""
        return trial.value <= start.value + self.decrease * trial.alpha * start.slope

    def next_step(self, start: Trial, interval: Interval, trial: Trial, auxiliary: bool, wall: float) -> float:
        """Take the trial into the interval and return the next step length."""
        low, high = bounds(interval, trial, wall)
        tilt = self.decrease * start.slope
        # Until psi has a value <= 0 and phi a slope >= 0, the interval is that of psi: section 3's stage one.
        if not (auxiliary and trial.value <= interval.best.value and not self.falls(start, trial)):
            tilt = 0.0
        shifted = Interval(tilted(interval.best, tilt), tilted(interval.other, tilt), interval.bracketed)
        alpha = update(shifted, tilted(trial, tilt), low, high)
        interval.best, interval.other = tilted(shifted.best, -tilt), tilted(shifted.other, -tilt)
        interval.bracketed = shifted.bracketed
        return alpha


def bounds(interval: Interval, trial: Trial, wall: float) -> tuple[float, float]:
    """Return the range of the next step: the interval, or 1.1 to 4 times the last stride."""
    if interval.bracketed:
        ends = (interval.best.alpha, interval.other.alpha)
        return min(ends), max(ends)
    stride = trial.alpha - interval.best.alpha
    return min(trial.alpha + 1.1 * stride, wall), min(trial.alpha + 4 * stride, wall)


def tilted(trial: Trial, tilt: float) -> Trial:
    """Return the trial of psi(alpha) = phi(alpha) - tilt alpha (section 2)."""
    return Trial(trial.alpha, trial.value - tilt * trial.alpha, trial.slope - tilt)


def force_shrinking(interval: Interval, alpha: float, width_before_last: float) -> float:
    """Return the middle where two trials have not shrunk the interval by a third (section 4)."""
    if interval.width() < 0.66 * width_before_last:
        return alpha
    return interval.best.alpha + 0.5 * (interval.other.alpha - interval.best.alpha)


def update(interval: Interval, trial: Trial, low: float, high: float) -> float:
    """Choose the next step by the four cases of section 4, then move the interval's ends (section 2)."""
    best = interval.best
    opposite = trial.slope * best.slope < 0
    if trial.value > best.value:
        alpha, interval.bracketed = above(best, trial), True
    elif opposite:
        alpha, interval.bracketed = past_minimizer(best, trial), True
    elif abs(trial.slope) <= abs(best.slope):
        alpha = flattening(interval, trial, low, high)
    else:
        alpha = steepening(interval, trial, low, high)
    move_ends(interval, trial, opposite)
    return min(max(alpha, low), high) if not interval.bracketed else alpha


def above(best: Trial, trial: Trial) -> float:
    """Case 1, a higher value: the cubic's minimizer if nearer to the best than the parabola's, else their mean."""
    by_cubic, by_quadratic = cubic(best, trial), quadratic(best, trial)
    if abs(by_cubic - best.alpha) < abs(by_quadratic - best.alpha):
        return by_cubic
    return by_cubic + 0.5 * (by_quadratic - by_cubic)


def past_minimizer(best: Trial, trial: Trial) -> float:
    """Case 2, a lower value and slopes of opposite sign: whichever of cubic and secant is farther from the trial."""
    by_cubic, by_secant = cubic(best, trial), secant(best, trial)
    return by_cubic if abs(by_cubic - trial.alpha) > abs(by_secant - trial.alpha) else by_secant


def flattening(interval: Interval, trial: Trial, low: float, high: float) -> float:
    """Case 3, a lower value and a flatter slope of the same sign: the cubic may have no minimizer beyond."""
    best = interval.best
    by_cubic, by_secant = cubic(best, trial), secant(best, trial)
    if not (by_cubic - trial.alpha) * (trial.alpha - best.alpha) > 0:
        by_cubic = high if trial.alpha > best.alpha else low
    nearer = abs(by_cubic - trial.alpha) < abs(by_secant - trial.alpha)
    if not interval.bracketed:
        return min(max(by_secant if nearer else by_cubic, low), high)
    alpha, limit = (by_cubic if nearer else by_secant), trial.alpha + 0.66 * (interval.other.alpha - trial.alpha)
    return min(limit, alpha) if trial.alpha > best.alpha else max(limit, alpha)


def steepening(interval: Interval, trial: Trial, low: float, high: float) -> float:
    """Case 4, a lower value and a steeper slope of the same sign: the cubic with the other end, or all the way."""
    if interval.bracketed:
        return cubic(trial, interval.other)
    return high if trial.alpha > interval.best.alpha else low


def move_ends(interval: Interval, trial: Trial, opposite: bool) -> None:
    """Keep the interval's defining property: the best end has the lowest value and slopes into the interval."""
    if trial.value > interval.best.value:
        interval.other = trial
        return
    if opposite:
        interval.other = interval.best
    interval.best = trial
