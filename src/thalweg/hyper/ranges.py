"""What a number among the options may be, in words that errors say."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

SMALLEST = 5e-324
"""The least number above zero."""


@dataclass(frozen=True)
class Range:
    """The numbers from low up to high; `below` leaves high itself out, and `or_none` lets there be none."""

    low: float = -inf
    high: float = inf
    below: bool = False
    or_none: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low <= value and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if self.low == SMALLEST:
            return "above 0" + (f" and {'below' if self.below else 'at most'} {self.high:g}" if self.high < inf else "")
        if self.low == -inf and self.high < inf:
            return f"at most {self.high:g}"
        if self.high == inf:
            return "a number" if self.low == -inf else f"at least {self.low:g}"
        return f"in [{self.low:g}, {self.high:g}{')' if self.below else ']'}"


@dataclass(frozen=True)
class Several:
    """A few numbers, each in its own range, and what must hold between them."""

    ranges: tuple[Range, ...]
    ordered: bool = False

    @property
    def words(self) -> str:
        """Say how many."""
        return f"{('no', 'one', 'two', 'three')[len(self.ranges)]} numbers"


@dataclass(frozen=True)
class Whole(Range):
    """The whole numbers of a range."""

    def __contains__(self, value: float) -> bool:
        return super().__contains__(value) and float(value).is_integer()

    def __str__(self) -> str:
        return f"a whole number, {super().__str__()}"


@dataclass(frozen=True)
class OneOf:
    """One of a few values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Fixed:
    """One value that a class has decided on: what its parent leaves open."""

    value: Any
