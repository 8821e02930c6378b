"""What is kept of a sharded parameter: to the outside DTensors like the parameter, inside what this process has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.shards import is_sharded, local
from ...formula.graph.places import BLOCK

REDISTRIBUTE = "pass distribute_tensor(state, param.device_mesh, param.placements), or load by torch's checkpoints"
"""What to do about a state that is not divided as its parameter is."""


def local_states(param: LocalParameter, state: Mapping[str, Any], numbers: Collection[str]) -> dict[str, Any]:
    """Give what this process has of each state; `numbers` are those that are one number for a parameter."""
    return {name: value if name in numbers else local_state(param, value) for name, value in state.items()}


def local_state(param: LocalParameter, value: Any) -> Any:
    """Give what this process has of a state; codes and scales of whole rows lie flat inside."""
    if not is_sharded(value):
        return value
    own = local(value)
    return own if tuple(value.shape) == param.shard.shape else own.reshape(-1)


def whole_states(param: LocalParameter, state: Mapping[str, Any], numbers: Collection[str]) -> dict[str, Any]:
    """Show each state as a part of the whole one, over the same memory."""
    return {name: value if name in numbers else whole_state(param, value) for name, value in state.items()}


def whole_state(param: LocalParameter, value: Any) -> Any:
    """Show a state; what lies in blocks is shown as so many numbers of each row, where rows are whole blocks.

    Where they are not, no DTensor has the parts that processes have: it stays this process's own.
    """
    if not isinstance(value, Tensor):
        return value
    if value.shape == param.shape:
        return param.shard.whole(value)
    if not has_rows_of_blocks(param):
        return value
    rows, whole_rows = param.shape[0], param.shard.shape[0]
    width = _width(param, value)
    return param.shard.whole(value.view(rows, width), (whole_rows, width))


def _width(param: LocalParameter, value: Tensor) -> int:
    """Count the numbers of a row: a scale for each block, or a byte for each two codes."""
    row = param.shard.numel // param.shard.shape[0]
    return row // BLOCK if value.is_floating_point() else row // 2


def has_rows_of_blocks(param: LocalParameter) -> bool:
    """Tell if the parameter is divided by rows alone, each of which is some whole blocks."""
    shard = param.shard
    if not shard.shape or not shard.numel or shard.order != list(range(len(shard.shape))):
        return False
    divided = [dim for dim, own in enumerate(shard.indices) if len(own) < shard.shape[dim]]
    dims = {getattr(placement, "dim", 0) for placement in shard.placements}
    return divided in ([], [0]) and dims <= {0} and shard.numel // shard.shape[0] % BLOCK == 0


def faults(param: LocalParameter, state: Mapping[str, Any], numbers: Collection[str]) -> Iterator[str]:
    """Say which states are not divided as their parameter is, in words that follow its name."""
    shard = param.shard
    values: Mapping[str, Any] = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, value in values.items():
        if name in numbers:
            continue
        whole: Any = value
        if not is_sharded(value):
            if not _is_own(param, value):
                yield (
                    f"is sharded ({shard.words}), but its {name} is a plain tensor of shape {tuple(value.shape)}: "
                    f"{REDISTRIBUTE}"
                )
        elif (whole.device_mesh, tuple(whole.placements)) != (shard.mesh, shard.placements):
            yield (
                f"is sharded as {shard.placements} on {shard.mesh}, but its {name} as {tuple(whole.placements)} on "
                f"{whole.device_mesh}: {REDISTRIBUTE}"
            )


def _is_own(param: LocalParameter, value: Tensor) -> bool:
    """Tell if a plain tensor may be what this process has of codes or scales that no DTensor could show."""
    counts = param.fragment_count, param.fragment_count * BLOCK // 2
    return value.dim() == 1 and value.numel() in counts and not has_rows_of_blocks(param)
