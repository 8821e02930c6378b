"""States from one format into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...formula.around.training_loop import ACCUMULATED, EMA
from ...formula.rule.rule import Rule
from ..layout import lie_alike
from .blocks import SCALE
from .format import Format
from .keeping import BESIDE, draws, param_format, state_format
from .stored import empty, read, write_nearest

WIDE = (EMA, ACCUMULATED)
"""The states that are put around every formula, and kept as finely as is computed."""


def in_line(rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a parameter's states as `converted` does, and the very same ones where there is nothing to ask."""
    if group["state_dtype"] is None and not draws(group) and not any(map(_is_of_a_format, state)):
        return state
    return converted(rule, state, param, group)


def _is_of_a_format(name: Any) -> bool:
    """Tell if a tensor is there only for the sake of a format, or in one of its own."""
    return name in BESIDE or name in WIDE or str(name).endswith(SCALE)


def converted(rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's states in the formats that a group asks for; those that are in them already are the same.

    Without `state_dtype` a tensor keeps its dtype, and those in blocks become the parameter's. Where random bits are
    drawn, steps are counted in float64: float32 counts to 2^24, and from there on the same bits would come again.
    """
    coded = {name + SCALE for name in rule.states}
    new = {name: value for name, value in state.items() if name not in BESIDE and name not in coded}
    for part in param_format(param, group["rounding"]).parts:
        if part.name and state.get(part.name) is not None:
            new[part.name] = _of_dtype(state[part.name], part.dtype)
    if draws(group) and isinstance(new.get("step"), Tensor):
        new["step"] = _of_dtype(new["step"], torch.float64)
    for name in rule.states:
        if name not in rule.scalars and isinstance(state.get(name), Tensor):
            new |= _converted(rule, name, state, param, group)
    return new


def taken_in(rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return saved states as `converted` does; what is narrower than its parameter becomes as wide, as in torch."""
    own = [name for name in rule.states if name not in rule.scalars and group["state_dtype"] is None]
    wide = {name: _widened(state[name], param) for name in own if isinstance(state.get(name), Tensor)}
    return converted(rule, {**state, **wide}, param, group)


def _widened(saved: Tensor, param: Tensor) -> Tensor:
    """Give numbers the parameter's dtype, where theirs is narrower; codes stay as they are."""
    is_narrow = saved.dtype.to_real().itemsize < param.dtype.to_real().itemsize
    return saved.to(param.dtype) if is_narrow and (saved.is_floating_point() or saved.is_complex()) else saved


def _of_dtype(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor if tensor.dtype is dtype else tensor.to(dtype)


def _converted(
    rule: Rule, name: str, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]
) -> dict[str, Tensor]:
    have = state_format(rule, name, param, group, state)
    parts = [_of_dtype(state[each.of(name)], each.dtype) for each in have.parts]
    keeps = group["state_dtype"] is None and name not in rule.wide and not have.has_blocks
    want = have if keeps else state_format(rule, name, param, group, {})
    if _are_alike(have, want) and (have.is_packed or not have.has_blocks or lie_alike(parts[0], param)):
        return dict(zip(have.symbols(name), parts, strict=True))
    new = empty(want, param)
    write_nearest(want, new, read(have, parts, param if have.is_packed else parts[0]), param)
    return dict(zip(want.symbols(name), new, strict=True))


def _are_alike(have: Format, want: Format) -> bool:
    return [(part.dtype, part.is_packed) for part in have.parts] == [
        (part.dtype, part.is_packed) for part in want.parts
    ]


def as_dtype(rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any], dtype: Any) -> Any:
    """Return a parameter's states as plain tensors of one dtype, as torch.optim keeps them."""
    return converted(rule, state, param, {**group, "state_dtype": dtype, "rounding": None})
