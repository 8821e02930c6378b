"""States that only the owner of a parameter has, told to all processes: when they are saved, or averages are used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from .division import part
from .meshes import group_of
from .owned_parameter import OwnedParameter
from .waiting import waited_for


class Kind(NamedTuple):
    """What a tensor is, beside its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: str


def everywhere(own: OwnedParameter, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give each process the states that the owner of a parameter has: all of them must ask at the same time."""
    what = (
        f"the broadcast of states of a parameter of shape {own.sharding.shape} from process {own.owner}, which owns it"
    )
    return waited_for(what, partial(_everywhere, own, state))


def _everywhere(own: OwnedParameter, state: Mapping[str, Any]) -> dict[str, Any]:
    group, device = group_of(own.sharding.mesh), torch.device(own.sharding.mesh.device_type)
    source = dist.get_global_rank(group, own.owner)
    told = [{name: _kind(value) for name, value in state.items()}]
    dist.broadcast_object_list(told, source, group, device)
    return {name: _value(kind, state.get(name), source, group, device) for name, kind in told[0].items()}


def divided(own: OwnedParameter, value: Any) -> Any:
    """Show a state that has an element for each of the parameter's as a DTensor; others stay whole."""
    if not isinstance(value, Tensor) or tuple(value.shape) != own.sharding.shape:
        return value
    return own.sharding.whole(part(value, own.sharding).clone(memory_format=torch.preserve_format))


def _kind(value: Any) -> Any:
    """Say what a tensor is; anything else is told as it is."""
    if not isinstance(value, Tensor):
        return value
    return Kind(tuple(value.shape), value.stride(), value.dtype, value.device.type)


def _value(kind: Any, mine: Any, source: int, group: Any, device: torch.device) -> Any:
    """Have a tensor where it is, or make one like it."""
    if not isinstance(kind, Kind):
        return kind
    is_here = dist.get_rank() == source
    value = mine if is_here else torch.empty_strided(kind.shape, kind.stride, dtype=kind.dtype, device=kind.device)
    # As bytes, which every backend sends.
    message = (value.detach() if is_here else value).as_strided((value.numel(),), (1,)).view(torch.uint8).to(device)
    dist.broadcast(message, source, group)
    if not is_here:
        value.as_strided((value.numel(),), (1,)).view(torch.uint8).copy_(message)
    return value
