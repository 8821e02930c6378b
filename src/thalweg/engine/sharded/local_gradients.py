"""What this process has of a gradient, which must be divided as its parameter is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...distributed.division import part
from ...distributed.shards import LocalShard, is_sharded, local
from ...state.names import name_in


def gradient(optimizer: Any, param: Any, grad: Any) -> Tensor | None:
    """Give what is here of a sharded parameter's gradient; terms of a sum are added up.

    Raises RuntimeError for one that is divided otherwise than its parameter.
    """
    if grad is None:
        return None
    if not is_sharded(grad):
        _refuse(optimizer, param, f"its gradient is a plain tensor of shape {tuple(grad.shape)}")
    if any(placement.is_partial() for placement in grad.placements):
        grad = grad.redistribute(placements=param.placements)
    if (grad.device_mesh, grad.placements) != (param.device_mesh, param.placements):
        _refuse(optimizer, param, f"its gradient is {tuple(grad.placements)} on {grad.device_mesh}")
    if grad.shape != param.shape:
        _refuse(optimizer, param, f"its gradient has shape {tuple(grad.shape)}")
    return local(grad)


def part_of_gradient(optimizer: Any, param: Tensor, grad: Tensor, shard: LocalShard) -> Tensor:
    """Give this process's part of a gradient that all of them have; raises RuntimeError for one that has no parts."""
    if grad.layout != torch.strided or is_sharded(grad) or grad.shape != param.shape:
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot step {name_in(optimizer.param_groups, param)}: its states are "
            f"divided among processes, which needs a dense gradient of shape {tuple(param.shape)}, but it is "
            f"{type(grad).__name__} of {grad.layout} and shape {tuple(grad.shape)}: run backward() again"
        )
    return part(grad.detach(), shard)


def is_like(param: Any, grad: Any) -> bool:
    """Tell if a gradient is of the shape of its parameter, and divided as that is."""
    if grad is None or not is_sharded(grad):
        return False
    wanted = param.shape, param.device_mesh, param.placements
    return bool((grad.shape, grad.device_mesh, grad.placements) == wanted)


def _refuse(optimizer: Any, param: Any, what: str) -> None:
    raise RuntimeError(
        f"{type(optimizer).__name__} cannot step {name_in(optimizer.param_groups, param)}: {what}, but it has "
        f"shape {tuple(param.shape)} and is {tuple(param.placements)} on {param.device_mesh}: run backward() again"
    )
