"""Formats of 16 bits: rounded at random, compensated, or with 16 bits more beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from ...formula import bfloat16, bits, float16, from_bits, maximum, minimum, shift_right, where
from .format import Format, Part

COMPENSATION, LOW_BITS = "compensation", "low_bits"
"""What is kept beside a parameter."""

QUIET_NAN = 0x7FC0
"""Of bfloat16."""

SMALLEST_NORMAL, SMALLEST, LARGEST = 2.0**-14, 2.0**-24, 65504.0
"""Of float16."""


@dataclass(frozen=True)
class Rounded(Format):
    """One tensor, rounded up or down at random so that the mean is right: small changes add up all the same.

    Gupta et al. 2015, "Deep learning with limited numerical precision", section 3. https://arxiv.org/abs/1502.02551
    """

    is_stochastic: bool = False
    is_unsigned: bool = False

    @property
    def words(self) -> str:
        """Say it in words."""
        return super().words + (", rounded at random" if self.is_stochastic else ", never rounded to zero")

    @property
    def is_raw(self) -> bool:
        """True where cutting off bits is all there is to do."""
        return self.is_stochastic and self.dtype is torch.bfloat16

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """One tensor."""
        return (Part("", self.dtype, is_raw=self.is_raw),)

    @property
    def is_random(self) -> bool:
        """True where it rounds at random."""
        return self.is_stochastic

    def read(self, *kept: Any) -> Any:
        """A bfloat16 is the first half of a float32."""
        return from_bits(kept[0] << 16) if self.is_raw else kept[0]

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Round; what is to be divided by is never rounded to zero or infinity."""
        if self.is_raw:
            return (shift_right(roundable_bits(value) + draw(16), 16),)
        rounded = at_random_float16(value, draw(16)) if self.is_stochastic else value
        if self.is_unsigned and self.dtype is torch.float16:
            rounded = where(value > 0, minimum(maximum(rounded, SMALLEST), LARGEST), rounded)
        return (rounded,)


@dataclass(frozen=True)
class Compensated(Format):
    """Two tensors: the nearest number, and what rounding took from it.

    Kahan 1965, "Pracniques: further remarks on reducing truncation errors". https://doi.org/10.1145/363707.363723
    """

    @property
    def words(self) -> str:
        """Say it in words."""
        return f"{super().words} with a compensation"

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The compensation stands beside the parameter."""
        return Part("", self.dtype), Part(COMPENSATION, self.dtype)

    def read(self, *kept: Any) -> Any:
        """Add what was lost; what is more than rounding takes is of a number that somebody else has replaced."""
        nearest, rest = kept
        return where(abs(rest) * 256 <= abs(nearest), nearest + rest, nearest)

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Round, and keep the difference; an infinity has none."""
        nearest = bfloat16(value) if self.dtype is torch.bfloat16 else float16(value)
        rest = value - nearest
        return nearest, where(rest - rest == 0, rest, 0.0)


@dataclass(frozen=True)
class Split(Format):
    """A float32 in two tensors of 16 bits: the nearest bfloat16, and the distance to it in units of the last place."""

    dtype: torch.dtype = torch.bfloat16

    @property
    def words(self) -> str:
        """Say it in words."""
        return f"{super().words} with 16 bits more"

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The low bits are a whole number with a sign."""
        return Part("", self.dtype, is_raw=True), Part(LOW_BITS, torch.int16)

    def read(self, *kept: Any) -> Any:
        """Put the bits together; what is no number then is one that somebody else has replaced by zero, say."""
        high, low = kept
        number, alone = from_bits((high << 16) + low), from_bits(high << 16)
        return where(number == number, number, alone)

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Take the bits apart; ties go away from zero, as 16 bits cannot tell both neighbours of an even one."""
        high = shift_right(roundable_bits(value) + 0x8000, 16)
        return high, bits(value) - (high << 16)


def roundable_bits(value: Any) -> Any:
    """Read the bits of a number; those of a NaN stay a NaN's, whatever is added to the last 16."""
    return where(value == value, bits(value), QUIET_NAN << 16)


def at_random_float16(value: Any, random: Any) -> Any:
    """Add 13 random bits to those that are cut off; below the normal numbers an offset sets the place to cut."""
    size = abs(value)

    def cut(number: Any) -> Any:
        return from_bits((bits(number) + shift_right(random, 3)) & ~0x1FFF)

    rounded = where(size < SMALLEST_NORMAL, cut(size + SMALLEST_NORMAL) - SMALLEST_NORMAL, cut(size))
    return where(value < 0, -rounded, where(value == value, rounded, value))
