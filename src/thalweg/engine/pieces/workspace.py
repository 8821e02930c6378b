"""The memory in which something waits between two passes of a launch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Workspace:
    """The memory of what waits between two passes, used by one launch after the other: the largest comes first."""

    def __init__(self) -> None:
        self.tensors: dict[Any, Tensor] = {}

    def take(self, name: str, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Give a piece of memory for a tensor of this name."""
        key = name, dtype, device
        if key not in self.tensors or self.tensors[key].numel() < size:
            self.tensors[key] = torch.empty(size, dtype=dtype, device=device)
        return self.tensors[key][:size]
