"""Powers in float64 from additions, products and quotients alone: the same bits on every machine.

The logarithm and the exponential are computed with twice float64's digits, so what is rounded in the end is right but
for ties that no digits decide. A C library's `pow` differs by one unit in the last place here and there, and from one
library to the next.

Written once for whatever can add and multiply: floats here, and LLVM's text in `engine/llvm/functions/power.py`. What
they do each in their way is an `Arithmetic`. `engine/triton/language/power.py` has the same for tensors of a GPU.

Dekker 1971, "A floating-point technique for extending the available precision", https://doi.org/10.1007/BF01397083.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

Pair: TypeAlias = tuple[Any, Any]
"""A number of twice the digits: a number, and what rounding took from it."""

ROOT_OF_2 = 1.4142135623730951
LOG_2 = (0.693147180559663, 2.8235290563031577e-13)
"""Of 41 digits the first, so that its product with a whole number of up to 12 is exact."""

FIRST = (
    (0.1111111111111111, 6.1679056923619804e-18),
    (0.14285714285714285, 7.93016446160826e-18),
    (0.2, -1.1102230246251566e-17),
    (0.3333333333333333, 1.850371707708594e-17),
    (1.0, 0.0),
)
"""1/9, 1/7, 1/5, 1/3 and 1, to twice the digits."""
LATER = (
    *(0.03225806451612903, 0.034482758620689655, 0.037037037037037035, 0.04, 0.043478260869565216),
    *(0.047619047619047616, 0.05263157894736842, 0.058823529411764705, 0.06666666666666667, 0.07692307692307693),
    0.09090909090909091,
)
"""1/31 to 1/11."""
FACTORIALS = (
    *(4.96031746031746e-05, 0.0003968253968253968, 0.002777777777777778),
    *(0.016666666666666666, 0.08333333333333333, 0.3333333333333333),
)
"""2 / 8! to 2 / 3!: exp(x) = 1 + x + x^2 / 2 (1 + x / 3 + x^2 / 12 + ...)."""

TOO_LARGE = 1400.0
"""A logarithm of what overflows, or is zero, whatever its digits are."""


class Arithmetic(Protocol):
    """What a language does in its own way."""

    def rest_of_product(self, a: Any, b: Any, product: Any) -> Any:
        """Find what rounding took from a product."""
        ...

    def taken_apart(self, x: Any) -> tuple[Any, Any]:
        """Write a positive number as m 2^e, with m between the roots of 1/2 and 2."""
        ...

    def floor(self, x: Any) -> Any:
        """Take the largest whole number that is not larger."""
        ...

    def times_power_of_two(self, x: Any, exponent: Any) -> Any:
        """Multiply by 2 to a whole number between -2200 and 2200, and round once."""
        ...


def add_exactly(a: Any, b: Any) -> Pair:
    """Add two numbers."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def add_smaller_exactly(a: Any, b: Any) -> Pair:
    """Add a number that is not larger."""
    total = a + b
    return total, b - (total - a)


def add_smaller_pair(a: Pair, b: Pair) -> Pair:
    """Add a number of twice the digits that is not larger."""
    total, rest = add_smaller_exactly(a[0], b[0])
    return add_smaller_exactly(total, rest + (a[1] + b[1]))


def multiply_pairs(do: Arithmetic, a: Pair, b: Pair) -> Pair:
    """Multiply two numbers of twice the digits."""
    product = a[0] * b[0]
    rest = do.rest_of_product(a[0], b[0], product)
    return add_smaller_exactly(product, rest + (a[0] * b[1] + a[1] * b[0]))


def multiply_pair(do: Arithmetic, a: Pair, b: Any) -> Pair:
    """Multiply a number of twice the digits by one of the usual digits."""
    product = a[0] * b
    return add_smaller_exactly(product, do.rest_of_product(a[0], b, product) + a[1] * b)


def square_pair(do: Arithmetic, a: Pair) -> Pair:
    """Square a number of twice the digits."""
    product = a[0] * a[0]
    return add_smaller_exactly(product, do.rest_of_product(a[0], a[0], product) + 2.0 * a[0] * a[1])


def series(factors: tuple[float, ...], x: Any) -> Any:
    """Sum factors[-1] + factors[-2] x + ...; the first factor is that of the highest power."""
    total = factors[0]
    for factor in factors[1:]:
        total = total * x + factor
    return total


def series_of_logarithm(do: Arithmetic, x: Pair) -> Pair:
    """Sum 1 + x / 3 + x^2 / 5 + ..., the later terms to fewer digits."""
    first, *others = FIRST
    total = add_smaller_exactly(first[0], series(LATER, x[0]) * x[0] + first[1])
    for other in others:
        total = add_smaller_pair(other, multiply_pairs(do, total, x))
    return total


def logarithm(do: Arithmetic, x: Any) -> Pair:
    """Take the natural logarithm of a positive number, to twice the digits: 2 artanh((m - 1) / (m + 1)) + e ln 2."""
    mantissa, exponent = do.taken_apart(x)
    below = add_smaller_exactly(1.0, mantissa)
    inverse = 1.0 / below[0]
    ratio = (mantissa - 1.0) * inverse
    product, rest = multiply_pair(do, below, ratio)
    ratio_rest = ((mantissa - 1.0 - product) - rest) * inverse
    found = series_of_logarithm(do, square_pair(do, (ratio, ratio_rest)))
    found = multiply_pairs(do, found, (2.0 * ratio, 2.0 * ratio_rest))
    return add_smaller_pair((exponent * LOG_2[0], exponent * LOG_2[1]), found)


def exponential(do: Arithmetic, x: Pair) -> Any:
    """Take the exponential of a number of twice the digits, between -1500 and 1500: exp(r / 256)^256 2^k."""
    whole = do.floor(x[0] * 1.4426950408889634 + 0.5)
    # The first difference is exact, and may be smaller than the second.
    left, left_rest = add_exactly(x[0] - whole * LOG_2[0], x[1] - whole * LOG_2[1])
    left, left_rest = left * 0.00390625, left_rest * 0.00390625
    square = square_pair(do, (left, left_rest))
    half, half_rest = 0.5 * square[0], 0.5 * square[1]
    total = add_smaller_pair((left, left_rest), (half, half_rest + series(FACTORIALS, left) * half * left))
    one, rest = add_smaller_exactly(1.0, total[0])
    grown = one, rest + total[1]
    for _ in range(8):
        grown = square_pair(do, grown)
    return do.times_power_of_two(grown[0] + grown[1], whole)


class _OnHost:
    """The arithmetic of Python's floats."""

    @staticmethod
    def rest_of_product(a: float, b: float, product: float) -> float:
        """Find it from halves of 26 bits."""
        a_wide, b_wide = a * 134217729.0, b * 134217729.0
        a_high, b_high = a_wide - (a_wide - a), b_wide - (b_wide - b)
        a_low, b_low = a - a_high, b - b_high
        return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low

    @staticmethod
    def taken_apart(x: float) -> tuple[float, float]:
        """Use C's frexp, whose m lies between 1/2 and 1."""
        mantissa, exponent = math.frexp(x)
        is_small = mantissa * 2.0 <= ROOT_OF_2
        return (mantissa * 2.0, exponent - 1.0) if is_small else (mantissa, float(exponent))

    @staticmethod
    def floor(x: float) -> float:
        """Take Python's, which is an int."""
        return float(math.floor(x))

    @staticmethod
    def times_power_of_two(x: float, exponent: float) -> float:
        """Use C's ldexp."""
        try:
            return math.ldexp(x, int(exponent))
        except OverflowError:
            return math.inf


ON_HOST = _OnHost()


def power(x: float, y: float) -> float:
    """Raise to a power as C does: to an infinity or NaN where Python raises an error or leaves the real numbers."""
    size = abs(x)
    if not (0.0 < size < math.inf and math.isfinite(y)) or size == 1.0 or y == 0.0 or (x < 0 and y % 1):
        return _special(x, y)
    found = _regular(size, y)
    return -found if x < 0 and y % 2 == 1 else found


@lru_cache(maxsize=256)
def _regular(x: float, y: float) -> float:
    """Raise a positive number; parameters share options and counts, so the last powers are likely asked for again."""
    log = logarithm(ON_HOST, x)
    if abs(log[0] * y) > TOO_LARGE:
        return math.inf if (y > 0) == (x > 1) else 0.0
    found: float = exponential(ON_HOST, multiply_pair(ON_HOST, log, y))
    return found


def _special(x: float, y: float) -> float:
    """Take what C's standard says, where no digits are to be found."""
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        return math.nan if x < 0 and y % 1 else math.copysign(math.inf, x if y % 2 == 1 else 1)
