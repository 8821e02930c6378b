"""Models of which each process has a copy: what is decided by their losses must be decided by the same number."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def mean_over_processes(model: nn.Module, value: float) -> float:
    """Give the mean of a loss over the processes of a DistributedDataParallel; of any other model, the loss itself."""
    if not isinstance(model, DistributedDataParallel):
        return value
    total = torch.tensor(value, dtype=torch.float64, device=next(model.parameters()).device)
    dist.all_reduce(total)
    return float(total) / dist.get_world_size()
