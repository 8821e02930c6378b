"""Exponentials and logarithms of float64, for loops over many numbers: no branches, no tables, no library's calls.

Their last digit may differ from torch's. Formulas of optimizers, whose bits are promised, are made of
`formula/elementary.py`, which needs ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .text import literal

LOG_2_HIGH, LOG_2_LOW = 0x162E42FEFA3 / 2**41, 2.8235290563031577e-13
"""The logarithm of 2 in two parts: whole multiples of the first, up to 1100 of them, are exact."""

ROUNDER = 1.5 * 2.0**52
"""Added to a number below 2^51 in size, it leaves the nearest whole number in the last bits."""


def number(value: float) -> str:
    """Write a constant."""
    return literal(value, "double")


def horner(x: str, coefficients: Sequence[float], name: str) -> str:
    """Write a polynomial, the constant first; its value is called `name`."""
    *rest, last = coefficients
    lines, value = [], number(last)
    for place, coefficient in reversed(list(enumerate(rest))):
        result = f"%{name}" if place == 0 else f"%{name}.{place}"
        lines.append(f"  %{name}.times.{place} = fmul contract double {value}, {x}")
        lines.append(f"  {result} = fadd contract double %{name}.times.{place}, {number(coefficient)}")
        value = result
    return "\n".join(lines)


def exponential() -> str:
    """Write exp(x) = 2^k e^r, 2^k in two factors, as one could overflow; off by at most 2 units in the last place."""
    return f"""
define internal double @exp(double %x) alwaysinline {{
  %is.low = fcmp olt double %x, {number(-800.0)}
  %not.low = select i1 %is.low, double {number(-800.0)}, double %x
  %is.high = fcmp ogt double %not.low, {number(800.0)}
  %bounded = select i1 %is.high, double {number(800.0)}, double %not.low
  %octaves = fmul double %bounded, {number(1 / math.log(2))}
  %rounded = fadd double %octaves, {number(ROUNDER)}
  %k = fsub double %rounded, {number(ROUNDER)}
  %high = fmul double %k, {number(LOG_2_HIGH)}
  %less = fsub double %bounded, %high
  %low = fmul double %k, {number(LOG_2_LOW)}
  %r = fsub double %less, %low
{horner("%r", [1 / math.factorial(i) for i in range(2, 14)], "series")}
  %square = fmul double %r, %r
  %bent = fmul contract double %square, %series
  %above = fadd contract double %r, %bent
  %e.r = fadd double %above, 1.0
  %half = fmul double %k, 0.5
  %half.rounded = fadd double %half, {number(ROUNDER)}
  %first = fsub double %half.rounded, {number(ROUNDER)}
  %second = fsub double %k, %first
  %second.rounded = fadd double %second, {number(ROUNDER)}
  %first.power = call double @power_of_two(double %half.rounded)
  %second.power = call double @power_of_two(double %second.rounded)
  %once = fmul double %e.r, %first.power
  %result = fmul double %once, %second.power
  ret double %result
}}

define internal double @power_of_two(double %rounded) alwaysinline {{
  %bits = bitcast double %rounded to i64
  %biased = add i64 %bits, 1023
  %exponent = shl i64 %biased, 52
  %power = bitcast i64 %exponent to double
  ret double %power
}}
"""


def logarithm() -> str:
    """Write log(x) of x = 2^k m, with m between the roots of 1/2 and 2; off by at most 2 units in the last place."""
    root = 0x3FE6A09E667F3BCD  # the bits of the root of 1/2
    return f"""
define internal double @log(double %x) alwaysinline {{
  %is.small = fcmp olt double %x, {number(2.0**-1022)}
  %larger = fmul double %x, {number(2.0**54)}
  %normal = select i1 %is.small, double %larger, double %x
  %less = select i1 %is.small, double 54.0, double 0.0
  %bits = bitcast double %normal to i64
  %from.root = sub i64 %bits, {root}
  %with.bias = add i64 %from.root, {1023 << 52}
  %biased = lshr i64 %with.bias, 52
  %exponent = or i64 %biased, {0x433 << 52}
  %as.number = bitcast i64 %exponent to double
  %k.here = fsub double %as.number, {number(2.0**52 + 1023)}
  %k = fsub double %k.here, %less
  %octaves = sub i64 %biased, 1023
  %shift = shl i64 %octaves, 52
  %m.bits = sub i64 %bits, %shift
  %m = bitcast i64 %m.bits to double
  %f = fsub double %m, 1.0
  %sum = fadd double %f, 2.0
  %s = fdiv double %f, %sum
  %z = fmul double %s, %s
{horner("%z", [2 / (2 * i + 3) for i in range(11)], "series")}
  %r = fmul double %z, %series
  %apart = fsub double %f, %r
  %bent = fmul double %s, %apart
  %near = fsub double %f, %bent
  %low = fmul double %k, {number(LOG_2_LOW)}
  %rest = fadd double %low, %near
  %high = fmul double %k, {number(LOG_2_HIGH)}
  %value = fadd double %high, %rest
  %is.positive = fcmp ogt double %x, 0.0
  %is.zero = fcmp oeq double %x, 0.0
  %end = select i1 %is.zero, double {number(-math.inf)}, double {number(math.nan)}
  %or.end = select i1 %is.positive, double %value, double %end
  %is.endless = fcmp oeq double %x, {number(math.inf)}
  %result = select i1 %is.endless, double %x, double %or.end
  ret double %result
}}
"""
