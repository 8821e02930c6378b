"""States of parameters of which each process has a part, as checkpoints have them: whole, or as DTensors.

A state that has an element for each of the parameter's is a DTensor, which torch's checkpoints divide anew for any
number of processes. Scales of blocks, and codes of which two share a byte, are saved whole: there is no DTensor whose
parts are those that processes have, as a block may lie on two of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...distributed.division import part
from ...distributed.local_parameter import LocalParameter, local_parameter
from ...distributed.shards import is_sharded, local
from ...distributed.sums import largest
from ...formula.graph.expr import MatrixFunction, walk
from ...formula.graph.places import BLOCK
from ...formula.rule.facts import known
from ...formula.rule.rule import Rule
from ...formula.tracing.trace import Formula, formula_of
from ..formats.blocks import SCALE
from ..formats.packed import packed, unpacked
from .sharded import local_state


def local_of(optimizer: Any, param: Any) -> LocalParameter | None:
    """Make the local parameter of one that is sharded, or of whose states each process keeps a part."""
    if is_sharded(param):
        return local_parameter(param)
    division = getattr(optimizer, "_division", None)
    return None if division is None else division.local_parameter(param)


def is_by_part(rule: Rule, param: Any, group: Mapping[str, Any]) -> bool:
    """Tell if each process steps its part of a parameter, and keeps the states of that."""
    return goes_by_part(formula_of(rule, known(rule.owner, param, group)), is_sharded(param))


def goes_by_part(formula: Formula, is_sharded: bool) -> bool:
    """Tell it of a formula: it speaks of no rows or columns, and multiplies no matrix of which a process has all."""
    return not formula.has_lines and (is_sharded or not multiplies_wholes(formula))


def multiplies_wholes(formula: Formula) -> bool:
    """Tell if a formula takes functions of whole matrices."""
    return any(isinstance(node, MatrixFunction) for node in walk(*formula.outputs.values()))


def taken(param: LocalParameter, value: Any, is_divided: bool) -> Any:
    """Take what is here of a saved state; a plain one of a sharded parameter stays, for others to refuse."""
    shard = param.shard
    if is_sharded(value):
        is_alike = (value.device_mesh, tuple(value.placements)) == (shard.mesh, shard.placements)
        if is_alike:
            return local_state(param, value)
        if not is_divided:
            return value
        value = value.full_tensor()
    if not isinstance(value, Tensor):
        return value
    if is_divided and tuple(value.shape) == shard.shape:
        return part(value, shard).clone(memory_format=torch.preserve_format)
    blocks = -(-shard.numel // BLOCK)
    if value.dim() == 1 and value.numel() == blocks and value.is_floating_point():
        return value[_blocks(param)]
    if value.dim() == 1 and value.numel() == blocks * BLOCK // 2 and value.dtype is torch.uint8:
        return value.view(-1, BLOCK // 2)[_blocks(param)].reshape(-1)
    return value


def whole_blocks(param: LocalParameter, value: Tensor) -> Tensor:
    """Make a plain tensor of the scales, or the codes of 4 bits, of all processes' parts: each of them must ask."""
    blocks, own = -(-param.shard.numel // BLOCK), _blocks(param)
    if value.is_floating_point():
        scales = value.new_zeros(blocks)
        scales[own] = value
        return largest(scales, param.shard.mesh)
    codes = value.new_zeros(blocks * BLOCK)
    places = param.shard.places().permute(param.shard.order).reshape(-1).to(value.device)
    slots = param.slots
    numbers = unpacked(value)
    codes[places] = numbers[: places.numel()] if slots is None else numbers[slots]
    return packed(largest(codes, param.shard.mesh))


def shown_whole(optimizer: Any, group: Mapping[str, Any], param: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give a parameter's states as a checkpoint has them: blocks in one piece."""
    coded = [name for name in state if name + SCALE in state]
    own = local_of(optimizer, param) if coded and is_by_part(optimizer.rule_in(group), param, group) else None
    if own is None:
        return dict(state)
    new = dict(state)
    for name in coded:
        if tuple(state[name].shape) != own.shard.shape:
            new[name] = whole_blocks(own, _flat(state[name]))
        new[name + SCALE] = whole_blocks(own, _flat(state[name + SCALE]))
    return new


def _flat(value: Tensor) -> Tensor:
    """Give what is here of scales or codes."""
    return local(value).reshape(-1) if is_sharded(value) else value


def _blocks(param: LocalParameter) -> Tensor:
    """List the blocks of the whole tensor that the fragments here are of."""
    return torch.tensor([each.block for each in param.fragments], dtype=torch.int64, device=param.device)
