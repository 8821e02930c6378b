"""Exponentials, logarithms, roots and angles, made of operations that are rounded once.

So they have the same bits on every engine: no machine's own library has a part in them. Each works in the precision of
what it is given, and is off by no more units in the last place than it says, where the result is a normal number.
"""

from collections.abc import Sequence
from typing import Any

from ..graph.composed import written
from ..graph.number import Number
from .elements import by_precision, exponent, floor, mantissa, maximum, minimum, sign, sqrt, times_power_of_two, where

LOG_2_HIGH, LOG_2_LOW = 355 / 512, -0.00021219444005469057
"""The logarithm of 2 in two parts: whole multiples of the first are exact, in float32 too."""

LOG_2 = LOG_2_HIGH + LOG_2_LOW

HALF_PI_HIGH, HALF_PI_LOW = 0x1921F / 0x10000, 1.0804333959119231e-05
"""Half of pi in two parts, the first exact in float32 too."""

HALF_PI = HALF_PI_HIGH + HALF_PI_LOW

# Polynomials at Chebyshev's points, the constant first: as near as float32 tells, and float64, with fewest terms.
EXPONENTIAL = (
    (0.5, 0.16666576666119928, 0.04166655421298415, 0.008363232883682618, 0.0013926250831497611),
    (
        *(0.5000000000000001, 0.16666666666666669, 0.04166666666662404, 0.008333333333330055, 0.0013888888917258759),
        *(0.00019841269863088255, 2.4801521225986432e-05, 2.7557268406190795e-06, 2.7620121717381933e-07),
        2.51004110820149e-08,
    ),
)
"""(e**x - 1 - x) / x**2, for sizes of x up to half of log 2."""

LOGARITHM = (
    (0.33333342547714534, 0.19994378858302422, 0.14790492964987212),
    (
        *(0.3333333333333335, 0.19999999999949744, 0.14285714312991274, 0.11111105566821042, 0.09091444604633298),
        *(0.07665859404140035, 0.07308242099183301),
    ),
)
"""(artanh(x) / x - 1) / x**2 by x**2, for x up to that of 2 * artanh(x) = log(2) / 2."""

ANGLE = (
    (-0.3333333176000804, 0.19999540216937534, -0.1426394635791234, 0.10743631627144574, -0.06451597258952992),
    (
        *(-0.3333333333333333, 0.19999999999995519, -0.14285714284666184, 0.11111111015227572, -0.09090904576954117),
        *(0.07692183163650894, -0.06664511064599371, 0.05858145587628202, -0.050854323376990765, 0.0392311556198723),
        -0.01917627151752634,
    ),
)
"""(arctan(x) / x - 1) / x**2 by x**2, for x up to the tangent of pi / 8."""

SINE = (
    (-0.16666665960878793, 0.008333241849615251, -0.00019822700987790165, 2.6346317262615924e-06),
    (
        *(-0.16666666666666666, 0.008333333333333316, -0.0001984126984125488, 2.75573192191379e-06),
        *(-2.505210761377135e-08, 1.6058977103490652e-10, -7.643963628352696e-13, 2.7313616626558458e-15),
    ),
)
"""(sin(x) / x - 1) / x**2 by x**2, for x up to a quarter of a turn."""

SOFTENED = (
    (1.0000000038408794, 0.33333160820688884, 0.20012297615351873, 0.13982578872598633, 0.1407888918155454),
    (
        *(1.0, 0.33333333333333076, 0.20000000000092874, 0.14285714272727057, 0.11111112040373837, 0.09090870416252403),
        *(0.07693307021152004, 0.06650187016337313, 0.06055084364034609, 0.0416225325593041, 0.08522081781390699),
    ),
)
"""artanh(x) / x by x**2, for x up to a third: log(1 + e**-y) is 2 * artanh(x)."""

ROOT = (0.7167346418604423, 0.3288364544631474, -0.03402605365290486, 0.0016274953380330931)
"""The cube root between 1 and 8, to two digits."""


@written(r"\exp\left({0}\right)")
def exp(x: Any) -> Any:
    """Raise e to a power; off by at most 2 units in the last place."""
    x = _number(x)
    # Beyond, it is an infinity or zero in any precision.
    return exp_of_finite(minimum(maximum(x, -1100.0), 1100.0))


def exp_of_finite(x: Any) -> Any:
    """Raise e to a power that is known to be finite."""
    octaves = floor(x * 1.4426950408889634 + 0.5)
    rest = (x - octaves * LOG_2_HIGH) - octaves * LOG_2_LOW
    return times_power_of_two(1 + _exp_less_one(rest), octaves)


@written(r"\log\left({0}\right)")
def log(x: Any) -> Any:
    """Take the natural logarithm, NaN below zero; off by at most 2 units in the last place."""
    x = _number(x)
    ends = where(x == 0, _infinity(x, -1), where(x > 0, _infinity(x, 1), 0 * _infinity(x, 1)))
    is_between = (x > 0) & (x < float("inf"))
    return where(is_between, log_of_positive(x), ends)


def log_of_positive(x: Any) -> Any:
    """Take the natural logarithm of a number that is known to be above zero and finite."""
    octaves, part = _taken_apart(x)
    return log_of_parts(octaves, part - 1)


def log_of_parts(octaves: Any, low: Any) -> Any:
    """Take the natural logarithm of 2**octaves * (1 + low), the second between the roots of 1/2 and 2."""
    return octaves * LOG_2_HIGH + (octaves * LOG_2_LOW + _log_near_one(low))


def _taken_apart(x: Any) -> tuple[Any, Any]:
    """Divide a positive number by the power of two that is nearest: what is left is between the roots of 1/2 and 2."""
    octaves, part = exponent(x), mantissa(x)
    is_above = part > 1.4142135623730951
    return where(is_above, octaves + 1, octaves), where(is_above, 0.5 * part, part)


def _log_near_one(low: Any) -> Any:
    """Take the natural logarithm of 1 + low, a number between the roots of 1/2 and 2."""
    ratio = low / (2 + low)
    square = ratio * ratio
    return low - ratio * (low - 2 * square * series(square, LOGARITHM))


@written(r"{{{0}}}^{{{1}}}", binds=3)
def power_of_element(x: Any, power: Any) -> Any:
    """Raise elements to a power above zero, which is a number; NaN below zero.

    Off by at most 3 units in the last place, and one more for each power of two between the result and 1. Numbers that
    are one a parameter are raised by `**`, which is correctly rounded.
    """
    x = _number(x)
    octaves, part = _taken_apart(x)
    low = part - 1
    ratio = low / (2 + low)
    square = ratio * ratio
    exact = power * (octaves + ratio * (2 / LOG_2 + 2 / LOG_2 * square * series(square, LOGARITHM)))
    whole = floor(exact + 0.5)
    raised = times_power_of_two(1 + _exp_less_one((exact - whole) * LOG_2), whole)
    # The root of what is left, zero, an infinity or negative, is what every power of it is.
    return where((x > 0) & (x - x == 0), raised, sqrt(x))


@written(r"\tanh\left({0}\right)")
def tanh(x: Any) -> Any:
    """Take the hyperbolic tangent; off by at most 4 units in the last place."""
    x = _number(x)
    # Beyond, it is 1 in any precision.
    double = 2 * minimum(abs(x), 22.0)
    grown = where(double < 0.34, _exp_less_one(minimum(double, 0.34)), exp(double) - 1)
    size = grown / (grown + 2)
    return where(x > 0, size, where(x < 0, -size, x))


@written(r"\operatorname{{sigmoid}}\left({0}\right)")
def sigmoid(x: Any) -> Any:
    """Give 1 / (1 + e**-x); off by at most 4 units in the last place above zero, and by as much at -x as at x."""
    x = _number(x)
    # Beyond, it is 0 or 1 in any precision.
    less = _exp_less_one(minimum(abs(x), 40.0) / -128)
    for _ in range(7):
        less = less * (2 + less)  # from e**y - 1 to e**(2 * y) - 1
    above = 1 / (2 + less)
    return where(x < 0, 1 - above, above)


@written(r"\operatorname{{softplus}}_{{{1}}}\left({0}\right)")
def softplus(x: Any, sharpness: Any = 1) -> Any:
    """Give log(1 + e**(sharpness * x)) / sharpness: nearly x where x is large, and nearly 0 where -x is.

    Off by at most 4 units in the last place; what is below -80 / sharpness counts as that.
    """
    x = _number(x)
    # Numbers that are nearly zero are slow on some processors.
    small = exp_of_finite(maximum(-sharpness * abs(x), -80.0))
    ratio = small / (2 + small)
    # So are their squares, and beside the first term of the series nothing is seen of those.
    seen = maximum(ratio, 1e-18)
    return maximum(x, 0.0) + 2 * ratio * series(seen * seen, SOFTENED) / sharpness


@written(r"\sqrt[3]{{{0}}}")
def cbrt(x: Any) -> Any:
    """Take the cube root, of negative numbers too; off by at most 1 unit in the last place."""
    x = _number(x)
    size = abs(x)
    octaves, part = exponent(size), mantissa(size)
    third = floor((octaves + 0.5) * (1 / 3))
    left = octaves - 3 * third
    part = where(left > 1, 4 * part, where(left > 0, 2 * part, part))
    root = _polynomial(part, ROOT)
    for _ in range(2):
        cube = root * root * root
        root = root - root * ((cube - part) / (2 * cube + part))
    root = times_power_of_two(root, third)
    is_between = (size > 0) & (size < float("inf"))
    return where(is_between, where(x < 0, -root, root), x)


@written(r"\operatorname{{atan2}}\left({0}, {1}\right)")
def atan2(y: Any, x: Any) -> Any:
    """Give the angle of the point (x, y), between -pi and pi; off by at most 3 units in the last place.

    The sign of a zero y is not looked at.
    """
    y, x = _number(y), _number(x)
    up, across = abs(y), abs(x)
    long, short = maximum(up, across), minimum(up, across)
    # Their sum shall not overflow.
    is_large = long > 1
    long, short = where(is_large, 0.25 * long, long), where(is_large, 0.25 * short, short)
    # Angles above pi / 8 are seen from pi / 4: the series is short.
    is_steep = short > 0.41421356237309503 * long
    slope = where(is_steep, short - long, short) / where(is_steep, short + long, long)
    square = slope * slope
    angle = slope + slope * square * series(square, ANGLE)
    angle = where(is_steep, HALF_PI_HIGH / 2 + (HALF_PI_LOW / 2 + angle), angle)
    # Where there is nothing to divide, or infinity by itself.
    angle = where(short == long, HALF_PI / 2 * sign(long), angle)
    angle = where(up > across, HALF_PI_HIGH - (angle - HALF_PI_LOW), angle)
    angle = where(x < 0, 2 * HALF_PI_HIGH - (angle - 2 * HALF_PI_LOW), angle)
    return where(y < 0, -angle, angle)


@written(r"\cos\left({0}\right)")
def cos(x: Any) -> Any:
    """Take the cosine of an angle of up to a hundred turns; off by at most a rounding of the angle, and two of 1."""
    x = _number(x)
    turns = floor(abs(x) * (1 / (4 * HALF_PI)) + 0.5)
    rest = abs((abs(x) - turns * (4 * HALF_PI_HIGH)) - turns * (4 * HALF_PI_LOW))
    # Between nothing and half a turn the cosine is the sine of what is left to a quarter.
    return sine((HALF_PI_HIGH - rest) + HALF_PI_LOW)


def sine(x: Any) -> Any:
    """Take the sine of an angle up to a quarter of a turn."""
    square = x * x
    return x + x * square * series(square, SINE)


def _exp_less_one(x: Any) -> Any:
    """Give e**x - 1 by its series, for sizes up to half of log 2."""
    return x + x * x * series(x, EXPONENTIAL)


def series(x: Any, coefficients: tuple[Sequence[float], Sequence[float]]) -> Any:
    """Evaluate one of two polynomials, by what is computed in: the first in float32, the second in float64."""
    return by_precision(*(_polynomial(x, each) for each in coefficients))


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Evaluate by Horner's rule, the constant first."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = value * x + coefficient
    return value


def _infinity(x: Any, side: int) -> Any:
    """Give an infinity of the kind of x."""
    return 0 * sign(x) + side * float("inf")


def _number(x: Any) -> Any:
    """Let a plain float follow IEEE 754, as what is computed from it may divide by zero."""
    return Number(x) if isinstance(x, int | float) else x
