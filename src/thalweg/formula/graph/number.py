"""Numbers that formulas compute with on the host: floats that follow IEEE 754 where Python raises an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from .ops import OPS

OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power"}
"""Python's names of the operators, and the table's."""


class Number(float):
    """A float that overflows to infinity and divides by zero as kernels do; what it meets gives a Number again."""

    __slots__ = ()

    def __index__(self) -> int:
        if not self.is_integer():
            raise TypeError(f"range() needs a whole number, but got {float(self):g}: give the option another value")
        return int(self)

    def __neg__(self) -> Number:
        return Number(-float(self))

    def __abs__(self) -> Number:
        return Number(abs(float(self)))


def exact_sum(numbers: Iterable[float]) -> float:
    """Add numbers, and round once; to an infinity or NaN where Python raises an error."""
    listed = list(numbers)
    try:
        return math.fsum(listed)
    except OverflowError:
        # Of numbers this large, a sum on the way has no place among floats: in other units it has.
        return math.fsum(number * 2.0**-64 for number in listed) * 2.0**64
    except ValueError:  # an infinity less another
        return math.nan


def exact_sum_in_two(numbers: Iterable[float]) -> tuple[float, float]:
    """Add numbers to twice the digits: give the rounded sum, and what rounding has left of it."""
    listed = list(numbers)
    total = exact_sum(listed)
    return total, exact_sum([*listed, -total]) if math.isfinite(total) else 0.0


def _operator(host: Callable[[float, float], float], is_reflected: bool) -> Callable[[Any, Any], Any]:
    def operate(self: Number, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        left, right = (other, self) if is_reflected else (self, other)
        return Number(host(float(left), float(right)))

    return operate


for python, name in OPERATORS.items():
    setattr(Number, f"__{python}__", _operator(OPS[name].host, False))
    setattr(Number, f"__r{python}__", _operator(OPS[name].host, True))
