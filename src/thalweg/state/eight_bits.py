"""Eight bits an element: blocks of 256 small floating-point numbers that share a scale.

Blocks after Dettmers et al. 2022, "8-bit optimizers via block-wise quantization", https://arxiv.org/abs/2110.02861.
Here a code is a floating-point number itself, with three bits after the point: 4 bits of exponent beside a sign, or 5
where nothing is negative. The scale is a power of two, so a value that does not change is kept exactly; and codes are
always rounded at random, as a mean that moves by less than a code's width would otherwise never move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..formula import bits, block_peak, from_bits, maximum, minimum, shift_right, where
from .formats import Format, Part

SCALE = "_scale"
"""What is added to a state's name for its scales."""

FEWEST = 4096
"""Tensors with fewer elements keep float32: they are small, and often need it (biases, norms)."""

LARGEST = 1.875
"""The largest code's value, in units of the scale."""

HEADROOM = 1.0666666
"""A little less than 2 / 1.875: a block whose largest element is the largest code keeps its scale."""

SMALLEST_SCALE, LARGEST_SCALE = 2.0**-90, 2.0**127
"""So that no code stands for a denormal number, which processors are slow with; and so that float32 has the scale."""

MANTISSA, CUT = 3, 20
"""Bits of a code, and of a float32, after the point: those that are kept, and those that are cut off."""


@dataclass(frozen=True)
class Blocks(Format):
    """Codes of 8 bits, and for each block of 256 the power of two that they count in."""

    dtype: torch.dtype = torch.uint8
    is_unsigned: bool = False

    @property
    def words(self) -> str:
        """Say it in words."""
        return "in blocks of 8 bits"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Codes and scales."""
        return Part("", self.dtype), Part(SCALE, torch.float32, "block")

    @property
    def is_random(self) -> bool:
        """Codes are always rounded at random."""
        return True

    @property
    def least_exponent(self) -> int:
        """The exponent of the smallest normal code; below, codes are evenly spaced down to zero."""
        return -30 if self.is_unsigned else -14

    def read(self, *kept: Any) -> Any:
        """Decode: a code's bits are those of a float32, once its exponent is moved."""
        code, scale = kept
        size = code if self.is_unsigned else code & 0x7F
        least, exponent = 2.0**self.least_exponent, self.least_exponent + 127
        normal = from_bits((size << CUT) + ((exponent - 1) << 23))
        small = from_bits((size << CUT) + (exponent << 23)) - least
        value = where(normal < least, small, normal)
        if not self.is_unsigned:
            value = from_bits(bits(value) | ((code & 0x80) << 24))
        return value * scale

    def write(self, value: Any, draw: Callable[[], Any]) -> tuple[Any, ...]:
        """Encode: what is not negative never becomes zero, since steps are divided by it."""
        scale = scale_of(block_peak(value))
        least, exponent = 2.0**self.least_exponent, self.least_exponent + 127
        size = abs(value) * (1.0 / scale)
        # What is no number becomes the largest; its block's scale says that it is none.
        size = where(size < LARGEST, size, LARGEST)
        if self.is_unsigned:
            smallest = least / 2**MANTISSA
            size = where(value > 0, where(size > smallest, size, smallest), size)
        is_small = size < least
        rounded = bits(where(is_small, size + least, size)) + (draw() << (CUT - 16))
        moved = shift_right(rounded, CUT)
        code = where(is_small, moved - (exponent << MANTISSA), moved - ((exponent - 1) << MANTISSA))
        if not self.is_unsigned:
            code = where(value < 0, code | 0x80, code)
        return code, scale


def scale_of(peak: Any) -> Any:
    """Take the power of two in whose units the largest element is at most 1.875; NaN if that is not finite."""
    size = minimum(maximum(peak * HEADROOM, SMALLEST_SCALE), LARGEST_SCALE)
    return from_bits(bits(size) & 0x7F800000) + (peak - peak)
