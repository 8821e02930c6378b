"""Whether a mean lies below a target, or chance could have put it there: Student's t-test, one-sided."""

from collections.abc import Sequence
from math import atan, cos, inf, pi, sin, sqrt
from statistics import mean, stdev


def p_below(losses: Sequence[float], target: float) -> float:
    """Give the probability of a mean as low as this, or lower, if the true mean were the target.

    Takes two losses or more, of independent runs. Student 1908, "The probable error of a mean".
    """
    distance, spread = mean(losses) - target, stdev(losses)
    if spread == 0:
        return 0.0 if distance < 0 else 1.0
    return below(distance / (spread / sqrt(len(losses))), len(losses) - 1)


def below(t: float, freedom: int) -> float:
    """Give the probability that Student's t is below a number: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4."""
    angle = pi / 2 if t == inf else atan(t / sqrt(freedom))
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for below_freedom in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cos(angle) ** 2 * (below_freedom - 1) / below_freedom
    within = 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
    return (1 + within) / 2
