"""Minimizers of the polynomials through two trials."""

from __future__ import annotations

import math

from .trial import Trial


def cubic(one: Trial, two: Trial) -> float:
    """Return the minimizer of the cubic through two values and two slopes, NaN where it has none.

    Nocedal & Wright 2006, "Numerical Optimization", 2nd edition, equation 3.59; scaled against overflow as in
    Moré & Thuente 1994, "Line search algorithms with guaranteed sufficient decrease", section 4.
    """
    width = two.alpha - one.alpha
    if width == 0:
        return math.nan
    theta = 3 * (one.value - two.value) / width + one.slope + two.slope
    scale = max(abs(theta), abs(one.slope), abs(two.slope))
    if scale == 0 or not math.isfinite(scale):
        return math.nan
    radicand = (theta / scale) ** 2 - (one.slope / scale) * (two.slope / scale)
    if radicand < 0:
        return math.nan
    gamma = math.copysign(scale * math.sqrt(radicand), width)
    denominator = two.slope - one.slope + 2 * gamma
    return two.alpha - width * (two.slope + gamma - theta) / denominator if denominator else math.nan


def quadratic(one: Trial, two: Trial) -> float:
    """Return the minimizer of the parabola through both values and the first slope, NaN where it has none.

    Nocedal & Wright 2006, "Numerical Optimization", equation 3.58.
    """
    width = two.alpha - one.alpha
    curvature = 2 * (two.value - one.value - one.slope * width)
    return one.alpha - one.slope * width * width / curvature if curvature else math.nan


def secant(one: Trial, two: Trial) -> float:
    """Return where the straight line through both slopes is zero, NaN where it never is."""
    rise = two.slope - one.slope
    return one.alpha - one.slope * (two.alpha - one.alpha) / rise if rise else math.nan


def inside(alpha: float, low: float, high: float) -> float:
    """Return `alpha` moved into [low, high]; the middle for NaN."""
    return min(max(alpha, low), high) if not math.isnan(alpha) else 0.5 * (low + high)
