"""Exponentials, logarithms, roots and angles, made of operations that are rounded once.

So they have the same bits on every engine: no machine's own library has a part in them. Each works in the precision of
what it is given, and is off by no more units in the last place than it says, where the result is a normal number.
"""

from typing import Any

from ..graph.number import Number
from .elements import floor, maximum, minimum, sign, sqrt, varies, where

LOG_2_HIGH, LOG_2_LOW = 355 / 512, -0.00021219444005469057
"""The logarithm of 2 in two parts: whole multiples of the first are exact, in float32 too."""

HALF_PI_HIGH, HALF_PI_LOW = 0x1921F / 0x10000, 1.0804333959119231e-05
"""Half of pi in two parts, the first exact in float32 too."""

HALF_PI = HALF_PI_HIGH + HALF_PI_LOW

OCTAVES = (64,) * 17 + (32, 16, 8, 4, 2, 1)
"""The steps in which powers of two are taken off and put on: they reach all exponents, and each is a float32."""

OCTAVES_OF_FRACTIONS = (16, 8, 4, 2, 1)
"""The same for numbers that are no smaller than 2^-24, and no larger than 1."""

OCTAVES_OF_NUMBERS = (512, 256, 128, 64, 64, 32, 16, 8, 4, 2, 1)
"""The same for what is one number a parameter: that is a float64."""


def exp(x: Any) -> Any:
    """Raise e to a power; off by at most 2 units in the last place."""
    x = _number(x)
    # Beyond, it is an infinity or zero in any precision.
    bounded = minimum(maximum(x, -1100.0), 1100.0)
    octaves = floor(bounded * 1.4426950408889634 + 0.5)
    rest = (bounded - octaves * LOG_2_HIGH) - octaves * LOG_2_LOW
    return _times_power_of_two(1 + _exp_less_one(rest), octaves)


def log(x: Any) -> Any:
    """Take the natural logarithm, NaN below zero; off by at most 2 units in the last place."""
    x = _number(x)
    value = _log_of_parts(*_taken_apart(x, OCTAVES if varies(x) else OCTAVES_OF_NUMBERS))
    ends = where(x == 0, _infinity(x, -1), where(x > 0, _infinity(x, 1), 0 * _infinity(x, 1)))
    is_between = (x > 0) & (x < float("inf"))
    return where(is_between, value, ends)


def log_of_fraction(x: Any) -> Any:
    """Take the natural logarithm of a number between 2^-24 and 1, by fewer operations, and as well."""
    return _log_of_parts(*_taken_apart(x, OCTAVES_OF_FRACTIONS))


def tanh(x: Any) -> Any:
    """Take the hyperbolic tangent; off by at most 4 units in the last place."""
    x = _number(x)
    # Beyond, it is 1 in any precision.
    double = 2 * minimum(abs(x), 22.0)
    grown = where(double < 0.34, _exp_less_one(minimum(double, 0.34)), exp(double) - 1)
    size = grown / (grown + 2)
    return where(x > 0, size, where(x < 0, -size, x))


def sigmoid(x: Any) -> Any:
    """Give 1 / (1 + e**-x); off by at most 4 units in the last place above zero, and by as much at -x as at x."""
    x = _number(x)
    # Beyond, it is 0 or 1 in any precision.
    less = _exp_less_one(minimum(abs(x), 40.0) / -128)
    for _ in range(7):
        less = less * (2 + less)  # from e**y - 1 to e**(2 * y) - 1
    above = 1 / (2 + less)
    return where(x < 0, 1 - above, above)


def cbrt(x: Any) -> Any:
    """Take the cube root, of negative numbers too; off by at most 1 unit in the last place."""
    x = _number(x)
    size = abs(x)
    # 1/3 is 1/4 + 1/16 + 1/64 + 1/256 + ..., and roots of roots neither overflow nor underflow.
    part = sqrt(sqrt(size))
    root = part
    for _ in range(4):
        part = sqrt(sqrt(part))
        root = root * part
    for _ in range(3):
        ratio = size / (root * root)
        root = root + root * ((ratio - root) / (2 * root + ratio))
    is_between = (size > 0) & (size < float("inf"))
    return where(is_between, where(x < 0, -root, root), x)


def atan2(y: Any, x: Any) -> Any:
    """Give the angle of the point (x, y), between -pi and pi; off by at most 3 units in the last place.

    The sign of a zero y is not looked at.
    """
    y, x = _number(y), _number(x)
    up, across = abs(y), abs(x)
    long, short = maximum(up, across), minimum(up, across)
    slope = where(short == long, sign(long), short / long)
    # Angles above pi / 8 are seen from pi / 4, and then halved: the series is short.
    is_steep = slope > 0.41421356237309503
    slope = where(is_steep, (slope - 1) / (slope + 1), slope)
    half = slope / (1 + sqrt(1 + slope * slope))
    square = half * half
    series = _polynomial(square, [(-1) ** k / (2 * k + 3) for k in range(12)])
    angle = 2 * half - 2 * half * square * series
    angle = where(is_steep, HALF_PI_HIGH / 2 + (HALF_PI_LOW / 2 + angle), angle)
    angle = where(up > across, HALF_PI_HIGH - (angle - HALF_PI_LOW), angle)
    angle = where(x < 0, 2 * HALF_PI_HIGH - (angle - 2 * HALF_PI_LOW), angle)
    return where(y < 0, -angle, angle)


def cos(x: Any) -> Any:
    """Take the cosine of an angle of up to a hundred turns; off by at most a rounding of the angle, and two of 1."""
    x = _number(x)
    turns = floor(abs(x) * (1 / (4 * HALF_PI)) + 0.5)
    rest = abs((abs(x) - turns * (4 * HALF_PI_HIGH)) - turns * (4 * HALF_PI_LOW))
    # Between nothing and half a turn the cosine is the sine of what is left to a quarter.
    left = (HALF_PI_HIGH - rest) + HALF_PI_LOW
    square = left * left
    factor, coefficients = 1.0, []
    for k in range(2, 26, 2):
        factor /= -k * (k + 1)
        coefficients.append(factor)
    return left + left * square * _polynomial(square, coefficients)


def _exp_less_one(x: Any) -> Any:
    """Give e**x - 1 by its series, for sizes up to half of log 2."""
    factor, coefficients = 1.0, []
    for k in range(2, 15):
        factor /= k
        coefficients.append(factor)
    return x + x * x * _polynomial(x, coefficients)


def _polynomial(x: Any, coefficients: list[float]) -> Any:
    """Evaluate by Horner's rule, the constant first."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = value * x + coefficient
    return value


def _times_power_of_two(x: Any, octaves: Any) -> Any:
    if not varies(x):
        half = floor(octaves / 2)
        return x * 2.0**half * 2.0 ** (octaves - half)
    for step in OCTAVES:
        x = where(octaves >= step, x * 2.0**step, where(octaves <= -step, x * 2.0**-step, x))
        octaves = where(octaves >= step, octaves - step, where(octaves <= -step, octaves + step, octaves))
    return x


def _log_of_parts(mantissa: Any, octaves: Any) -> Any:
    """Take the logarithm of a number around 1 times a power of two."""
    low = mantissa - 1
    ratio = low / (2 + low)
    square = ratio * ratio
    series = 2 * square * _polynomial(square, [1 / (2 * k + 3) for k in range(11)])
    near_one = low - ratio * (low - series)
    return octaves * LOG_2_HIGH + (octaves * LOG_2_LOW + near_one)


def _taken_apart(x: Any, steps: tuple[int, ...]) -> tuple[Any, Any]:
    """Write a positive number as one around 1, between the roots of 1/2 and 2, times a power of two."""
    octaves = 0 * sign(x)
    for step in steps:
        is_large, is_small = x >= 2.0**step, x < 2.0 ** (1 - step)
        x = where(is_large, x * 2.0**-step, where(is_small, x * 2.0**step, x))
        octaves = where(is_large, octaves + step, where(is_small, octaves - step, octaves))
    is_above = x > 1.4142135623730951
    return where(is_above, 0.5 * x, x), where(is_above, octaves + 1, octaves)


def _infinity(x: Any, side: int) -> Any:
    """Give an infinity of the kind of x."""
    return 0 * sign(x) + side * float("inf")


def _number(x: Any) -> Any:
    """Let a plain float follow IEEE 754, as what is computed from it may divide by zero."""
    return Number(x) if isinstance(x, int | float) else x
