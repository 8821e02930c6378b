"""Codes of 4 bits in memory, two to a byte: those that stand 128 apart in a block of 256, the first in the low half."""

import triton
import triton.language as tl


@triton.jit
def load_packed(at, place, inside):
    """Read the code of each element: every byte is read once for each of its halves."""
    byte = tl.load(at + place // 256 * 128 + place % 128, inside).to(tl.int32)
    return (byte >> (place // 128 % 2 * 4)) & 15


@triton.jit
def store_packed(at, codes, inside):
    """Write both halves of each byte at once; the half of an element that is not there is zero."""
    low, high = halves(codes)
    has_low, has_high = halves(inside)
    both = low | (tl.where(has_high, high, 0) << 4)
    tl.store(at + tl.arange(0, codes.shape[0] // 2), both.to(tl.uint8), has_low)


@triton.jit
def halves(x):
    """Take the first halves of all blocks of 256, and the second ones."""
    rows = tl.reshape(x, (x.shape[0] // 256, 2, 128))
    first, second = tl.split(tl.permute(rows, (0, 2, 1)))
    return tl.reshape(first, (x.shape[0] // 2,)), tl.reshape(second, (x.shape[0] // 2,))
