"""States from one format into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..formula.rule import Rule
from .blocks import SCALE
from .formats import Format
from .keeping import BESIDE, param_format, state_format
from .layout import lie_alike
from .stored import empty, read, write_nearest


def converted(rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's states in the formats that a group asks for; those that are in them already are the same.

    Without `state_dtype` a tensor keeps its dtype, and those in blocks become the parameter's.
    """
    new = {name: value for name, value in state.items() if name not in BESIDE and not name.endswith(SCALE)}
    beside = {part.name for part in param_format(param, group["rounding"]).parts} & state.keys()
    new |= {name: state[name] for name in beside}
    for name in rule.states:
        if name not in rule.scalars and isinstance(state.get(name), Tensor):
            new |= _converted(rule, name, state, param, group)
    return new


def _converted(
    rule: Rule, name: str, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any]
) -> dict[str, Tensor]:
    have = state_format(rule, name, param, group, state)
    parts = [state[part] for part in have.symbols(name)]
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
