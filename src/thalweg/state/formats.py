"""How a stored number becomes one to compute with, and back."""

import torch
from torch import Tensor

NARROW = (torch.bfloat16, torch.float16)
"""Formats to keep numbers in; too coarse to compute in."""


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the format that formulas are evaluated in: float32 for the narrow ones, else the real part's own."""
    return torch.float32 if dtype in NARROW else dtype.to_real()


def as_real(tensor: Tensor) -> Tensor:
    """View complex numbers as pairs of reals."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def load(tensor: Tensor) -> Tensor:
    """Read a stored tensor as numbers to compute with."""
    return as_real(tensor.resolve_conj()).to(compute_dtype(tensor.dtype))


def store(tensor: Tensor, value: Tensor) -> None:
    """Write computed numbers back, rounded once, to nearest even."""
    as_real(tensor).copy_(value)
