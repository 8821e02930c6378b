"""What kernels compute with: each operation rounded once, as IEEE 754 says, on every device and in the interpreter.

Triton's own division and square root of float32 are approximate, and its interpreter rounds to bfloat16 wrongly.
"""

import triton
import triton.language as tl


@triton.jit
def divide(a, b):
    """Divide, correctly rounded."""
    return a / b if a.dtype == tl.float64 else tl.div_rn(a, b)


@triton.jit
def negate(x):
    """Change the sign, that of zeros too: Triton's own minus was a difference from zero until version 3.8."""
    return x * -1.0


@triton.jit
def square_root(x):
    """Take the root, correctly rounded."""
    return tl.sqrt(x) if x.dtype == tl.float64 else tl.sqrt_rn(x)


@triton.jit
def sign(x):
    """-1, 0 or 1; 0 for NaN."""
    return (x > 0).to(x.dtype) - (x < 0).to(x.dtype)


@triton.jit
def exponent(x):
    """Round the logarithm of a positive number to base 2 down.

    A whole number of few bits, written over the last of those of 2^23 or 2^52, makes a number of that and itself.
    """
    if x.dtype == tl.float64:
        is_small = x < 2.2250738585072014e-308
        above = (tl.where(is_small, x * 18014398509481984.0, x).to(tl.int64, bitcast=True) >> 52) | (1075 << 52)
        found = above.to(tl.float64, bitcast=True) - 4503599627371519.0 - tl.where(is_small, 54.0, 0.0)
    else:
        is_small = x < 1.1754943508222875e-38
        above = (tl.where(is_small, x * 16777216.0, x).to(tl.int32, bitcast=True) >> 23) | (150 << 23)
        found = above.to(tl.float32, bitcast=True) - tl.where(is_small, 8388759.0, 8388735.0)
    return found


@triton.jit
def mantissa(x):
    """Divide a positive number by 2 to its exponent."""
    if x.dtype == tl.float64:
        bits = tl.where(x < 2.2250738585072014e-308, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
        found = ((bits & 0xFFFFFFFFFFFFF) | (1023 << 52)).to(tl.float64, bitcast=True)
    else:
        bits = tl.where(x < 1.1754943508222875e-38, x * 16777216.0, x).to(tl.int32, bitcast=True)
        found = ((bits & 0x7FFFFF) | (127 << 23)).to(tl.float32, bitcast=True)
    return found


@triton.jit
def times_power_of_two(x, exponent):
    """Multiply a number that is about 1 by two powers of two, so that only the second product is rounded."""
    x, exponent = tl.broadcast(x, exponent)
    if x.dtype == tl.float64:
        bounded = tl.minimum(tl.maximum(exponent, -2044.0), 2046.0)
        twice = (bounded + 4503599627372542.0).to(tl.int64, bitcast=True)
        half = twice >> 1
        first, second = half << 52, (twice - half) << 52
    else:
        bounded = tl.minimum(tl.maximum(exponent, -252.0), 254.0)
        twice = (bounded + 8388862.0).to(tl.int32, bitcast=True)
        half = twice >> 1
        first, second = half << 23, (twice - half) << 23
    return x * first.to(x.dtype, bitcast=True) * second.to(x.dtype, bitcast=True)


@triton.jit
def by_precision(narrow, wide):
    """Take one of two by what is computed in; of the other, no instruction is left."""
    narrow, wide = tl.broadcast(narrow, wide)
    return wide if wide.dtype == tl.float64 else narrow


@triton.jit
def maximum(a, b):
    """Take the larger of two; NaN if either is."""
    a, b = tl.broadcast(a, b)
    return tl.where((a > b) | (a != a), a, b)


@triton.jit
def minimum(a, b):
    """Take the smaller of two; NaN if either is."""
    a, b = tl.broadcast(a, b)
    return tl.where((a < b) | (a != a), a, b)


@triton.jit
def from_bfloat16(bits):
    """Widen a bfloat16, which is the first half of a float32."""
    return (bits.to(tl.int32) << 16).to(tl.float32, bitcast=True)


@triton.jit
def to_bfloat16(x):
    """Round a float32 to the nearest bfloat16, ties to even; a NaN stays one."""
    bits = x.to(tl.uint32, bitcast=True)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return tl.where(x == x, rounded, 0x7FC0).to(tl.int16)


@triton.jit
def bfloat16(x):
    """Round a float32 to what bfloat16 can hold; a NaN stays as it is."""
    return tl.where(x == x, from_bfloat16(to_bfloat16(x.to(tl.float32))), x)


@triton.jit
def float16(x):
    """Round a float32 to what float16 can hold."""
    return x.to(tl.float32).to(tl.float16).to(x.dtype)


@triton.jit
def bits(x):
    """Read the bits of a float32."""
    return x.to(tl.float32).to(tl.int32, bitcast=True)


@triton.jit
def from_bits(x):
    """Read bits as a float32."""
    return x.to(tl.float32, bitcast=True)


@triton.jit
def scaled_bits(x, factor):
    """Read the bits of a number times a power of two."""
    return (x.to(tl.float32) * factor).to(tl.int32, bitcast=True)


@triton.jit
def from_scaled_bits(x, factor):
    """Read bits as a number, times a power of two."""
    return x.to(tl.float32, bitcast=True) * factor


@triton.jit
def integer(x):
    """Turn a whole number into bits, the last ones of 64."""
    return x.to(tl.int64).to(tl.int32)


@triton.jit
def shift_right(x, places):
    """Shift bits to the right, zeros coming in."""
    return (x.to(tl.uint32, bitcast=True) >> places.to(tl.uint32)).to(tl.int32, bitcast=True)
