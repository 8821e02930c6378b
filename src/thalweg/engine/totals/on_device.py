"""Numbers of all parameters, added on the device that has them: by a kernel, or where there is none by torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..triton import available


def add(columns: Tensor) -> Tensor:
    """Add numbers on their device: to twice the digits where there are kernels."""
    if not has_kernels(columns.device):
        return columns.sum()
    from ..triton.total import total

    return total(columns)


def common_norm(device: torch.device) -> Any:
    """Make what takes the norm of all gradients on a device."""
    if not has_kernels(device):
        return EagerNorm(device)
    from ..triton.total import CommonNorm

    return CommonNorm(device)


def has_kernels(device: torch.device) -> bool:
    """Tell if Triton can be used on a device."""
    return available.why_not() is None and available.runs_on(device.type)


class EagerNorm:
    """The norm of all gradients on a device, in torch's operations."""

    def __init__(self, device: torch.device) -> None:
        self.norm = torch.zeros(1, dtype=torch.float64, device=device)
        self.left_out = torch.zeros(1, dtype=torch.float32, device=device)
        self.counts = torch.zeros(2, dtype=torch.float64, device=device)

    def take(self, squares: Tensor, limit: float, skips: bool) -> None:
        """Take the norm from sums of squares; what is longer than the limit is counted."""
        self.norm.copy_(squares.sum().sqrt())
        self.left_out.copy_(~self.norm.isfinite() if skips else torch.zeros_like(self.left_out))
        is_there = self.left_out == 0
        self.counts[:1] += (self.norm > limit) & is_there
        self.counts[1:] += self.left_out
