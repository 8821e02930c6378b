"""Whole numbers of 4 bits, two to a byte: in each block of 256, those that stand 128 apart, the first in the low half.

So both halves of a block are read and written in order, a byte for each element, which is what vector code is good at.
"""

import torch
from torch import Tensor

from ...formula.graph.expr import BLOCK

HALF = BLOCK // 2


def packed(numbers: Tensor) -> Tensor:
    """Put numbers together; a block that is not full has zeros at its end."""
    whole = torch.nn.functional.pad(numbers, (0, -numbers.numel() % BLOCK))
    low, high = whole.view(-1, 2, HALF).unbind(1)
    return (low | high << 4).reshape(-1)


def unpacked(pairs: Tensor) -> Tensor:
    """Take numbers apart, those at the end of a block that is not full too."""
    rows = pairs.view(-1, HALF)
    return torch.stack([rows & 15, rows >> 4], 1).reshape(-1)
