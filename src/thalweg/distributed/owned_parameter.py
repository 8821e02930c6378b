"""A parameter that is stepped as a whole: on the process that owns it, and on no other."""

from __future__ import annotations

from typing import Any

import torch

from .shards import LocalShard, local


class OwnedParameter(torch.nn.Parameter):
    """The whole parameter at its owner; on other processes its shape alone, on the meta device."""

    sharding: LocalShard
    """What this process has of the user's own parameter."""
    owner: int
    """The process that steps it, by its rank in the group of the mesh's processes."""
    is_due: bool = False
    """True if this process has a gradient of it."""
    is_changed: bool = True
    """True if somebody else has written what this process has of it since its last step."""


def owned_parameter(param: Any, shard: LocalShard, owner: int, here: int) -> OwnedParameter:
    """Make the owned parameter of one: over its very memory, where the owner has all of it.

    Where the owner has a part, the numbers are brought before the first step.
    """
    device = param.device if owner == here else torch.device("meta")
    if owner == here and shard.is_copied:
        memory = local(param).detach()
    else:
        memory = torch.empty_strided(shard.shape, shard.stride, dtype=param.dtype, device=device)
    own = OwnedParameter(memory, bool(param.requires_grad))
    own.sharding, own.owner = shard, owner
    return own
