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
    return tl.where(x == x, from_bfloat16(to_bfloat16(x)), x)


@triton.jit
def float16(x):
    """Round a float32 to what float16 can hold."""
    return x.to(tl.float16).to(tl.float32)


@triton.jit
def bits(x):
    """Read the bits of a float32."""
    return x.to(tl.int32, bitcast=True)


@triton.jit
def from_bits(x):
    """Read bits as a float32."""
    return x.to(tl.float32, bitcast=True)


@triton.jit
def scaled_bits(x, factor):
    """Read the bits of a number times a power of two."""
    return (x * factor).to(tl.int32, bitcast=True)


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
