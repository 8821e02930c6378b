"""What is known of parameters that processes share: who has which elements, and if there are gradients here."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...distributed.local_parameter import LocalParameter, bearer
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.shards import LocalShard


def sharding(param: Any) -> LocalShard:
    """Say what this process has of the parameter that a local one, or an owned one, is."""
    shard: LocalShard = param.sharding if isinstance(param, OwnedParameter) else param.shard
    return shard


def counts_here(param: Any) -> bool:
    """Tell if what this process has of a parameter counts in sums."""
    return isinstance(param, OwnedParameter) or param.shard.is_first_copy


def is_shared(param: Any) -> bool:
    """Tell if processes share a parameter: each has a part of it, or one steps it for all."""
    return isinstance(param, LocalParameter | OwnedParameter)


def is_local(param: Tensor) -> bool:
    """Tell if a parameter is what this process has of a sharded one."""
    return isinstance(param, LocalParameter)


def is_due(param: Any) -> bool:
    """Tell if this process has a gradient of a parameter."""
    return param.is_due if isinstance(param, OwnedParameter) else bearer(param).grad is not None


def is_changed(param: Any) -> bool:
    """Tell if somebody has written a parameter that its owner has to hear of."""
    return isinstance(param, OwnedParameter) and param.is_changed
