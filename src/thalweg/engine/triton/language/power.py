"""Powers in float64 on a device, from additions, products and quotients alone: the same bits on every device.

The operations are those of `formula/graph/power.py`, for what Triton takes: the logarithm and the exponential are
computed with twice float64's digits, so what is rounded in the end is right but for ties that no digits decide.

Dekker 1971, "A floating-point technique for extending the available precision", https://doi.org/10.1007/BF01397083.
"""

import triton
import triton.language as tl

from ..available import interprets

FUSES = tl.constexpr(not interprets())
"""True where a product and a sum can be rounded once together; the interpreter has no such operation."""

LOG_2, LOG_2_REST = tl.constexpr(0.693147180559663), tl.constexpr(2.8235290563031577e-13)


@triton.jit
def add_exactly(a, b):
    """Add two numbers: the sum, and what rounding took from it."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@triton.jit
def add_smaller_exactly(a, b):
    """Add a number that is not larger: the sum, and what rounding took from it."""
    total = a + b
    return total, b - (total - a)


@triton.jit
def multiply_exactly(a, b):
    """Multiply two numbers: the product, and what rounding took from it."""
    product = a * b
    rest = tl.fma(a, b, product * -1.0) if FUSES else rest_of_product(a, b, product)
    return product, rest


@triton.jit
def rest_of_product(a, b, product):
    """Find what rounding took from a product, from halves of 26 bits."""
    a_wide, b_wide = a * 134217729.0, b * 134217729.0
    a_high, b_high = a_wide - (a_wide - a), b_wide - (b_wide - b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@triton.jit
def add_pairs(a, a_rest, b, b_rest):
    """Add two numbers of twice the digits."""
    total, rest = add_exactly(a, b)
    return add_smaller_exactly(total, rest + (a_rest + b_rest))


@triton.jit
def add_smaller_pair(a, a_rest, b, b_rest):
    """Add a number of twice the digits that is not larger."""
    total, rest = add_smaller_exactly(a, b)
    return add_smaller_exactly(total, rest + (a_rest + b_rest))


@triton.jit
def multiply_pairs(a, a_rest, b, b_rest):
    """Multiply two numbers of twice the digits."""
    product, rest = multiply_exactly(a, b)
    return add_smaller_exactly(product, rest + (a * b_rest + a_rest * b))


@triton.jit
def multiply_pair(a, a_rest, b):
    """Multiply a number of twice the digits by one of the usual digits."""
    product, rest = multiply_exactly(a, b)
    return add_smaller_exactly(product, rest + a_rest * b)


@triton.jit
def square_pair(a, a_rest):
    """Square a number of twice the digits."""
    product, rest = multiply_exactly(a, a)
    return add_smaller_exactly(product, rest + 2.0 * a * a_rest)


@triton.jit
def power_of_two(exponent):
    """Make 2 to a whole number between -1022 and 1023."""
    return ((exponent + 1023).to(tl.int64) << 52).to(tl.float64, bitcast=True)


@triton.jit
def taken_apart(x):
    """Write a positive number as m 2^e, with m between the roots of 1/2 and 2."""
    is_small = x < 2.2250738585072014e-308
    bits = tl.where(is_small, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
    exponent = (bits >> 52) - tl.where(is_small, 1077, 1023)
    mantissa = ((bits & 0xFFFFFFFFFFFFF) | (1023 << 52)).to(tl.float64, bitcast=True)
    is_large = mantissa > 1.4142135623730951
    return tl.where(is_large, 0.5 * mantissa, mantissa), (exponent + is_large.to(tl.int64)).to(tl.float64)


@triton.jit
def series_of_logarithm(x, x_rest):
    """Sum 1 + x / 3 + x^2 / 5 + ..., the later terms to fewer digits."""
    zero = tl.zeros_like(x)
    tail = zero + 0.03225806451612903
    tail = tail * x + 0.034482758620689655
    tail = tail * x + 0.037037037037037035
    tail = tail * x + 0.04
    tail = tail * x + 0.043478260869565216
    tail = tail * x + 0.047619047619047616
    tail = tail * x + 0.05263157894736842
    tail = tail * x + 0.058823529411764705
    tail = tail * x + 0.06666666666666667
    tail = tail * x + 0.07692307692307693
    tail = tail * x + 0.09090909090909091
    total, rest = add_smaller_exactly(zero + 0.1111111111111111, zero + 6.1679056923619804e-18 + tail * x)
    total, rest = multiply_pairs(total, rest, x, x_rest)
    total, rest = add_smaller_pair(zero + 0.14285714285714285, zero + 7.93016446160826e-18, total, rest)
    total, rest = multiply_pairs(total, rest, x, x_rest)
    total, rest = add_smaller_pair(zero + 0.2, zero - 1.1102230246251566e-17, total, rest)
    total, rest = multiply_pairs(total, rest, x, x_rest)
    total, rest = add_smaller_pair(zero + 0.3333333333333333, zero + 1.850371707708594e-17, total, rest)
    total, rest = multiply_pairs(total, rest, x, x_rest)
    return add_smaller_pair(zero + 1.0, zero, total, rest)


@triton.jit
def logarithm(x):
    """Take the natural logarithm of a positive number, to twice the digits: 2 artanh((m - 1) / (m + 1)) + e ln 2."""
    mantissa, exponent = taken_apart(x)
    zero = tl.zeros_like(mantissa)
    below, below_rest = add_smaller_exactly(zero + 1.0, mantissa)
    inverse = 1.0 / below
    ratio = (mantissa - 1.0) * inverse
    product, product_rest = multiply_pair(below, below_rest, ratio)
    ratio_rest = ((mantissa - 1.0 - product) - product_rest) * inverse
    square, square_rest = square_pair(ratio, ratio_rest)
    series, series_rest = series_of_logarithm(square, square_rest)
    series, series_rest = multiply_pairs(series, series_rest, 2.0 * ratio, 2.0 * ratio_rest)
    return add_smaller_pair(exponent * LOG_2, exponent * LOG_2_REST, series, series_rest)


@triton.jit
def exponential(x, x_rest):
    """Take the exponential of a number of twice the digits, between -1500 and 1500: exp(r / 256)^256 2^k."""
    whole = tl.floor(x * 1.4426950408889634 + 0.5)
    left, left_rest = add_exactly(x - whole * LOG_2, x_rest - whole * LOG_2_REST)
    left, left_rest = left * 0.00390625, left_rest * 0.00390625
    # exp(x) = 1 + x + x^2 / 2 (1 + x / 3 + x^2 / 12 + ...)
    tail = left * 4.96031746031746e-05 + 0.0003968253968253968
    tail = tail * left + 0.002777777777777778
    tail = tail * left + 0.016666666666666666
    tail = tail * left + 0.08333333333333333
    tail = tail * left + 0.3333333333333333
    half, half_rest = square_pair(left, left_rest)
    half, half_rest = 0.5 * half, 0.5 * half_rest
    total, rest = add_smaller_pair(left, left_rest, half, half_rest + tail * half * left)
    total, more = add_smaller_exactly(tl.zeros_like(left) + 1.0, total)
    rest += more
    for _ in range(8):
        total, rest = square_pair(total, rest)
    # In four factors, none of which overflows: only the last product may be rounded.
    exponent = whole.to(tl.int32)
    quarter = exponent >> 2
    fourth = power_of_two(quarter)
    return (total + rest) * fourth * fourth * fourth * power_of_two(exponent - 3 * quarter)


@triton.jit
def power(x, y):
    """Raise to a power as C's pow does, infinities, zeros and NaN included."""
    x, y = tl.broadcast(x, y)
    size = tl.abs(x)
    is_regular = (size > 0) & (size < float("inf"))
    log, log_rest = logarithm(tl.where(is_regular, size, 1.0))
    is_extreme = tl.abs(log * y) > 1400
    factor = tl.where(is_extreme | (y != y), 0.0, y)
    grown, grown_rest = multiply_pair(log, log_rest, factor)
    result = exponential(grown, grown_rest)
    grows = (y > 0) == (size > 1)
    result = tl.where(is_regular & ~is_extreme, result, tl.where(grows, float("inf"), 0.0))
    result = tl.where(size == 1, 1.0, result)
    is_whole = tl.floor(y) == y
    is_odd = is_whole & (tl.floor(y * 0.5) * 2 != y) & (tl.abs(y) < float("inf"))
    is_below = x.to(tl.int64, bitcast=True) < 0
    result = tl.where(is_below & is_odd, result * -1.0, result)
    is_undefined = (x != x) | (y != y) | ((x < 0) & is_regular & ~is_whole)
    result = tl.where(is_undefined, float("nan"), result)
    return tl.where((y == 0) | (x == 1), 1.0, result)
