"""Numbers as powers of two and what is left: the exponent, the mantissa, and the way back, of tensors and of floats."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_float32(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let an operation on the bits of float32 and float64 take narrower numbers, too."""

    def taken(x: Tensor, *others: Any) -> Tensor:
        wide = x if x.dtype in REACH else x.float()
        result: Tensor = operation(
            wide, *(torch.as_tensor(other, dtype=wide.dtype, device=wide.device) for other in others)
        )
        return result.to(x.dtype)

    return taken


REACH = {torch.float32: (127, 23, torch.int32), torch.float64: (1023, 52, torch.int64)}
"""The largest exponent, the digits behind the first, and the whole numbers of as many bits."""


def exponent(x: Tensor) -> Tensor:
    """Take the whole part of the logarithm to base 2 of positive numbers."""
    return (torch.frexp(x).exponent - 1).to(x.dtype)


def mantissa(x: Tensor) -> Tensor:
    """Divide positive numbers by powers of two, so that they are between 1 and 2."""
    return 2 * torch.frexp(x).mantissa


def times_power_of_two(x: Tensor, exponent: Tensor) -> Tensor:
    """Multiply by two powers of two, neither of which overflows: where x is about 1, only the second product rounds."""
    largest, digits, whole = REACH[x.dtype]
    bounded = torch.clamp(exponent.nan_to_num(), 2 - 2 * largest, 2 * largest).to(whole)
    half = bounded >> 1
    first, second = (((part + largest) << digits).view(x.dtype) for part in (half, bounded - half))
    return x * first * second


def host_exponent(x: float) -> float:
    """Take the exponent of a positive float."""
    return float(math.frexp(x)[1] - 1)


def host_mantissa(x: float) -> float:
    """Take the digits of a positive float, as a number between 1 and 2."""
    return 2 * math.frexp(x)[0]


def host_times_power_of_two(x: float, exponent: float) -> float:
    """Multiply a float that is about 1."""
    try:
        return math.ldexp(x, int(min(2046.0, max(-2044.0, exponent))))
    except OverflowError:
        return math.copysign(math.inf, x)
