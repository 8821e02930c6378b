"""How a stored number becomes one to compute with, and back."""

import torch
from torch import Tensor

NARROW = (torch.bfloat16, torch.float16)
"""Formats to keep numbers in; too coarse to compute in."""


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the format that formulas are evaluated in: float32 for the narrow ones, else the tensor's own."""
    return torch.float32 if dtype in NARROW else dtype


def load(tensor: Tensor) -> Tensor:
    """View a stored tensor as real numbers to compute with; a complex number is a pair of reals."""
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.to(compute_dtype(real.dtype))


def store(tensor: Tensor, value: Tensor) -> None:
    """Write computed numbers back, rounded once, to nearest even."""
    (torch.view_as_real(tensor) if tensor.is_complex() else tensor).copy_(value)
