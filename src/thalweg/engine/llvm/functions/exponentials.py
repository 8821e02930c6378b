"""Exponentials, logarithms and powers of float64, for loops over many numbers: no branches, no tables, no calls.

Their last digits may differ from torch's. Formulas of optimizers, whose bits are promised, are made of
`formula/words/elementary.py`, which needs ten times as long, and of `power.py`, whose powers are correctly rounded.
"""

from __future__ import annotations

import math

from ....formula.graph.power import Pair, add_smaller_exactly, multiply_pair, multiply_pairs, square_pair
from ..language.written_values import Value
from .power import InText, raised

LOG_2_HIGH, LOG_2_LOW = 0x162E42FEFA3 / 2**41, 2.8235290563031577e-13
"""The logarithm of 2 in two parts: whole multiples of the first, up to 1100 of them, are exact."""

ROUNDER = 1.5 * 2.0**52
"""Added to a number below 2^51 in size, it leaves the nearest whole number in the last bits."""

THIRD = (1 / 3, 1 / 3 * 2.0**-54)
"""1/3 to twice the digits."""


def exponential(x: Value) -> Value:
    """Write exp(x) = 2^k e^r, 2^k in two factors, as one could overflow; off by at most 2 units in the last place."""
    above, k = without_octaves(bounded(x, -800.0, 800.0))
    first = (k * 0.5).rounded(ROUNDER)
    second = k - first
    return (above + 1.0) * power_of_two(first) * power_of_two(second)


def exponential_less_one(x: Value) -> Value:
    """Write e^x - 1 = 2 (2^(k-1) (e^r - 1) + (2^(k-1) - 1/2)); off by at most 2 units in the last place."""
    above, k = without_octaves(bounded(x, -60.0, 710.0))
    half = power_of_two(k - 1.0)
    return (half * above + (half - 0.5)) * 2.0


def logarithm(x: Value) -> Value:
    """Write log(x) of x = 2^k m, with m between the roots of 1/2 and 2; off by at most 2 units in the last place."""
    m, k = taken_apart(x)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    r = z * z.polynomial([2 / (2 * i + 3) for i in range(11)])
    near = f - s * (f - r)
    value = k * LOG_2_HIGH + (k * LOG_2_LOW + near)
    end = x.compared("oeq", 0.0).chosen(-math.inf, math.nan)
    is_endless = x.compared("oeq", math.inf)
    return is_endless.chosen(x, x.compared("ogt", 0.0).chosen(value, end))


def power(x: Value, y: Value) -> Value:
    """Write x^y = exp(y log x), the logarithm to twice the digits; off by at most 3 units in the last place."""
    return raised(InText(x.writer), x, y, wide_logarithm, wide_exponential)


def power_by_logarithm(y: Value, high: Value, low: Value) -> Value:
    """Write x^y of a positive x whose logarithm is known to twice the digits; off by at most 2 units as well."""
    do = InText(y.writer)
    product, rest = multiply_pair(do, (high, low), y)
    is_regular = product.absolute().compared("olt", 800.0)
    return wide_exponential(do, (product, is_regular.chosen(rest, 0.0)))


def wide_logarithm(do: InText, x: Value) -> Pair:
    """Write the logarithm of a positive number to some 65 bits: k log 2 + 2 artanh(s), with s = (m - 1) / (m + 1)."""
    m, k = taken_apart(x)
    f = m - 1.0
    above, above_rest = add_smaller_exactly(2.0, f)
    s = f / above
    s_rest = (do.rest_of_product(s, above, f) * -1.0 - s * above_rest) / above
    z = square_pair(do, (s, s_rest))
    more = z[0] * z[0] * z[0].polynomial([1 / (2 * i + 5) for i in range(11)])
    third, third_rest = multiply_pairs(do, z, THIRD)
    bend, bend_rest = add_smaller_exactly(third, more)
    twice = (s * 2.0, s_rest * 2.0)
    bent, bent_rest = multiply_pairs(do, twice, (bend, bend_rest + third_rest))
    near, near_rest = add_smaller_exactly(twice[0], bent)
    total, total_rest = add_smaller_exactly(k * LOG_2_HIGH, near)
    return total, total_rest + (k * LOG_2_LOW + (near_rest + (bent_rest + twice[1])))


def wide_exponential(do: InText, x: Pair) -> Value:
    """Write the exponential of a number of twice the digits."""
    found = exponential(x[0])
    return found.compared("oeq", math.inf).chosen(found, found + found * x[1])


def bounded(x: Value, low: float, high: float) -> Value:
    """Write x, or the bound that it is beyond; NaN stays."""
    above = x.compared("olt", low).chosen(low, x)
    return above.compared("ogt", high).chosen(high, above)


def without_octaves(x: Value) -> tuple[Value, Value]:
    """Write x = k log 2 + r, r at most half of log 2 in size; what is returned is e^r - 1, and k."""
    k = (x * (1 / math.log(2))).rounded(ROUNDER)
    r = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
    series = r.polynomial([1 / math.factorial(i) for i in range(2, 14)])
    return (r * r).times_plus(series, r), k


def power_of_two(k: Value) -> Value:
    """Write 2^k for a whole number of the exponents of normal numbers."""
    value = k.writer.value
    bits = value("bitcast double {} to i64", k + ROUNDER)
    exponent = value("shl i64 {}, 52", value("add i64 {}, 1023", bits))
    return value("bitcast i64 {} to double", exponent)


def taken_apart(x: Value) -> tuple[Value, Value]:
    """Write a positive number as m 2^k, with m between the roots of 1/2 and 2."""
    value = x.writer.value
    root = 0x3FE6A09E667F3BCD  # the bits of the root of 1/2
    is_small = x.compared("olt", 2.0**-1022)
    bits = value("bitcast double {} to i64", is_small.chosen(x * 2.0**54, x))
    biased = value("lshr i64 {}, 52", value(f"add i64 {{}}, {(1023 << 52) - root}", bits))
    as_number = value("bitcast i64 {} to double", value(f"or i64 {{}}, {0x433 << 52}", biased))
    k = (as_number - (2.0**52 + 1023)) - is_small.chosen(54.0, 0.0)
    shift = value("shl i64 {}, 52", value("sub i64 {}, 1023", biased))
    return value("bitcast i64 {} to double", value("sub i64 {}, {}", bits, shift)), k
