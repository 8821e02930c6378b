"""Sines and cosines of float64, for loops over many numbers: no branches, no tables, no calls."""

from __future__ import annotations

import math

from ....formula.graph.power import Pair, add_exactly, add_smaller_exactly
from ..language.written_values import Value
from .exponentials import ROUNDER
from .power import InText

QUARTER = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
"""A quarter of a turn, pi / 2, to three times the digits."""

FARTHEST = 2.0**50
"""Of larger angles float64 has no digit after the point: they give NaN."""


def sine(x: Value) -> Value:
    """Write sin(x); off by at most 2 units in the last place."""
    rest, turns = without_quarters(x)
    is_steep = has_bit(turns, 1)
    return signed(has_bit(turns, 2), is_steep.chosen(cosine_nearby(rest), sine_nearby(rest)))


def cosine(x: Value) -> Value:
    """Write cos(x) = sin(x + pi / 2); off by at most 2 units in the last place."""
    rest, turns = without_quarters(x)
    is_steep = has_bit(turns, 1)
    turned = turns.writer.value("add i64 {}, 1", turns)
    return signed(has_bit(turned, 2), is_steep.chosen(sine_nearby(rest), cosine_nearby(rest)))


def without_quarters(x: Value) -> tuple[Pair, Value]:
    """Write x = k pi / 2 + r, r at most pi / 4 in size; what is returned is r to twice the digits, and k in bits."""
    do = InText(x.writer)
    near = x.absolute().compared("ogt", FARTHEST).chosen(math.nan, x)
    raised = near * (1 / QUARTER[0]) + ROUNDER
    k = raised - ROUNDER
    away = k * QUARTER[0]
    first, first_rest = add_exactly(near - away, do.rest_of_product(k, QUARTER[0], away) * -1.0)
    away = k * QUARTER[1]
    second, second_rest = add_exactly(first, away * -1.0)
    rest = (first_rest + second_rest) - (do.rest_of_product(k, QUARTER[1], away) + k * QUARTER[2])
    return add_exactly(second, rest), x.writer.value("bitcast double {} to i64", raised)


def sine_nearby(x: Pair) -> Value:
    """Write sin(r) for at most pi / 4: r - r^3 / 6 + ... + rest (1 - r^2 / 2)."""
    r, rest = x
    z = r * r
    series = z.polynomial([(-1) ** (i + 1) / math.factorial(2 * i + 3) for i in range(8)])
    value: Value = r + (rest * (1.0 - z * 0.5) + r * z * series)
    return value


def cosine_nearby(x: Pair) -> Value:
    """Write cos(r) for at most pi / 4: 1 - r^2 / 2, whose rounding is made up for, + r^4 / 24 - ... - rest r."""
    r, rest = x
    z = r * r
    half = z * 0.5
    near, near_rest = add_smaller_exactly(1.0, half * -1.0)
    series = z.polynomial([(-1) ** i / math.factorial(2 * i + 4) for i in range(7)])
    value: Value = near + (near_rest + (z * z * series - r * rest))
    return value


def has_bit(bits: Value, bit: int) -> Value:
    """Write whether a bit is set."""
    value = bits.writer.value
    return value("icmp ne i64 {}, 0", value(f"and i64 {{}}, {bit}", bits))


def signed(is_negative: Value, x: Value) -> Value:
    """Write -x or x."""
    return is_negative.chosen(x * -1.0, x)
