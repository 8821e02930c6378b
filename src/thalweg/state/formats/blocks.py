"""Eight or four bits an element: blocks of 256 small floating-point numbers that share a scale.

Blocks after Dettmers et al. 2022, "8-bit optimizers via block-wise quantization", https://arxiv.org/abs/2110.02861, and
Li, Chen & Zhu 2023, "Memory efficient optimizers with 4-bit states", https://arxiv.org/abs/2309.01507. Here a code is a
floating-point number itself. Eight bits are three after the point and 4 of exponent beside a sign, or 5 where nothing
is negative; four bits are 3 of exponent beside a sign, or beside one after the point. The scale is a power of two, so a
value that does not change is kept exactly; and codes are always rounded at random, as a mean that moves by less than a
code's width would otherwise never move.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from ...formula import bits, from_bits, maximum, minimum, shift_right, where
from ...formula.words.elements import block_peak, from_scaled_bits, scaled_bits
from .format import Format, Part

SCALE = "_scale"
"""What is added to a state's name for its scales."""

FEWEST = 4096
"""Tensors with fewer elements keep float32: they are small, and often need it (biases, norms)."""

SMALLEST_SCALE, LARGEST_SCALE = 2.0**-90, 2.0**126
"""So that no code stands for a denormal number, which processors are slow with; and that float32 has 1 / scale."""

SIGNED_MANTISSA, UNSIGNED_MANTISSA = {8: 3, 4: 0}, {8: 3, 4: 1}
"""Bits of a code after the point, by how many it has in all: beside a sign and enough exponent, four leave none.

A second moment in powers of two, with four bits of exponent, would make steps 15% longer: its mean is right, but the
mean of its root is too small. With one bit after the point it is 3%.
"""


@dataclass(frozen=True)
class Blocks(Format):
    """Codes of 8 or 4 bits, and for each block of 256 the power of two that they count in."""

    dtype: torch.dtype = torch.uint8
    is_unsigned: bool = False
    bits: int = 8

    @property
    def words(self) -> str:
        """Say it in words."""
        return f"in blocks of {self.bits} bits"

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Codes and scales."""
        return Part("", self.dtype, is_packed=self.bits == 4), Part(SCALE, torch.float32, "block")

    @property
    def is_random(self) -> bool:
        """Codes are always rounded at random."""
        return True

    @property
    def mantissa(self) -> int:
        """Bits of a code after the point."""
        return (UNSIGNED_MANTISSA if self.is_unsigned else SIGNED_MANTISSA)[self.bits]

    @property
    def cut(self) -> int:
        """Bits of a float32 after the point that are cut off."""
        return 23 - self.mantissa

    @property
    def sign(self) -> int:
        """The bit of a code that says that it is negative."""
        return 1 << (self.bits - 1)

    @property
    def largest(self) -> float:
        """The largest code's value, in units of the scale."""
        return 2 - 2.0**-self.mantissa

    @property
    def least_exponent(self) -> int:
        """The exponent of the smallest normal code; below, codes are evenly spaced down to zero."""
        exponents = self.bits - self.mantissa - (0 if self.is_unsigned else 1)
        return 2 - (1 << exponents)

    @property
    def factor(self) -> float:
        """What a code's bits, put where a float32 has its own, are to be multiplied by: a power of two."""
        return 2.0 ** (self.least_exponent + 126)

    def read(self, *kept: Any) -> Any:
        """Decode: a code's bits are those of a float32 with another exponent."""
        code, scale = kept
        if self.is_unsigned:
            return from_scaled_bits(code << self.cut, self.factor) * scale
        # The sign is let into all bits before it, of which the first one is kept.
        signed = ((code ^ self.sign) - self.sign) << self.cut
        return from_scaled_bits(signed & (((self.sign - 1) << self.cut) - 2**31), self.factor) * scale

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Encode: what is not negative never becomes zero, since steps are divided by it."""
        peak = block_peak(value)
        scale = scale_of(peak, self.largest)
        size = abs(value) * reciprocal(scale)
        # What is no number becomes the largest.
        size = where(size < self.largest, size, self.largest)
        # Moved to the front of a word, codes are the whole of its first bits.
        behind = 32 - self.bits
        code = (scaled_bits(size, 1 / self.factor) << (behind - self.cut)) + draw(behind)
        if self.is_unsigned:
            # The bits of what is above zero are at least 1.
            code = maximum(shift_right(code, behind), minimum(bits(value), 1))
        else:
            code = shift_right(code | (bits(value) & signs_of(peak, scale)), behind)
        # A scale that is none says that an element of the block is none.
        return code, scale + (peak - peak)


def scale_of(peak: Any, largest: float) -> Any:
    """Take the least power of two in whose units a peak is at most the largest code, or the scale for what is none."""
    # A little less than 2 / largest: a block whose largest element is the largest code keeps its scale.
    size = peak * ((2 - 2.0**-23) / largest)
    size = where(size < LARGEST_SCALE, size, LARGEST_SCALE)
    size = where(size > SMALLEST_SCALE, size, SMALLEST_SCALE)
    return from_bits(bits(size) & 0x7F800000)


def signs_of(peak: Any, scale: Any) -> Any:
    """Give the bit that says what is negative: none where something is no number, which has its sign by chance."""
    return bits(where(peak < math.inf, -scale, scale)) & -(2**31)


def reciprocal(scale: Any) -> Any:
    """Divide 1 by a power of two."""
    return from_bits(0x7F000000 - bits(scale))
