"""Sums, means and maxima along rows and along columns, on torch's tensors, whose last two dimensions these are."""

from __future__ import annotations

import torch
from torch import Tensor

SIDES = {"row": -1, "column": -2}
"""The dimension along which each goes."""


def along(how: str, x: Tensor) -> Tensor:
    """Compute one number for each row, or for each column; sums are taken in float64, and rounded once."""
    side, kind = how.split("_")
    if kind == "max":
        return x.amax(SIDES[side], keepdim=True) if x.numel() else x.sum(SIDES[side], keepdim=True) - torch.inf
    wide = x.double()
    result = wide.sum(SIDES[side], keepdim=True) if kind == "total" else wide.mean(SIDES[side], keepdim=True)
    return result.to(x.dtype)
