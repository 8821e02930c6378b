"""Directions in few bits: whole numbers, of which a group shares a scale and the number that stands for zero."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_RANGE = 1e-5
"""What the numbers of a group differ by at least, as in the authors' code: else a scale would be zero."""


def coded(flat: Tensor, bits: int, group_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Round numbers to codes; gives bytes of codes (two to a byte where bits=4), and scales and zeros of the groups."""
    groups = _in_groups(flat.float(), group_size)
    most = 2**bits - 1
    least, largest = groups.aminmax(dim=1, keepdim=True)
    scales = (largest - least).clamp(min=LEAST_RANGE) / most
    zeros = (-torch.round(least / scales)).clamp(0, most)
    codes = (torch.round(groups / scales) + zeros).clamp(0, most).to(torch.uint8).flatten()[: flat.numel()]
    return _packed(codes) if bits == 4 else codes, scales.flatten(), zeros.to(torch.uint8).flatten()


def decoded(codes: Tensor, scales: Tensor, zeros: Tensor, count: int, bits: int, group_size: int) -> Tensor:
    """Read as many numbers."""
    numbers = torch.stack([codes & 15, codes >> 4], 1).flatten()[:count] if bits == 4 else codes
    groups = _in_groups(numbers.float(), group_size)
    return ((groups - zeros[:, None].float()) * scales[:, None]).flatten()[:count]


def _in_groups(flat: Tensor, group_size: int) -> Tensor:
    """Cut into groups, the last one going on with its last number, which changes no range."""
    missing = -flat.numel() % group_size
    return torch.cat([flat, flat[-1:].expand(missing)]).view(-1, group_size)


def _packed(codes: Tensor) -> Tensor:
    """Put two codes into a byte, the first in the low half."""
    low, high = torch.nn.functional.pad(codes, (0, codes.numel() % 2)).view(-1, 2).unbind(1)
    return low | high << 4
