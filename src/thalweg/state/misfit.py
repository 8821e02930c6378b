"""What of the things that are kept of a parameter does not fit it, in words that follow its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ..described import described
from ..formula.graph.places import FACTORS
from ..formula.rule.rule import Rule
from .formats.blocks import SCALE
from .formats.format import Format, Part
from .formats.keeping import formats
from .layout import why_not_written


def misfits(rule: Rule, param: Tensor, group: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    """Say of each state that no engine can use what is wrong with it; what is missing will be made."""
    for name in ("step", *sorted(rule.scalars)):
        yield from _number(name, state.get(name))
    here = [name for name in rule.states if state.get(name) is not None]
    for name, form in formats(rule, here, param, group, state):
        yield from _scale(name, form, state)
        for part in form.parts:
            if part.of(name) != "param":
                yield from _part(param, form, part, part.of(name), state.get(part.of(name)))


def _number(name: str, value: Any) -> Iterator[str]:
    is_number = isinstance(value, float | int | None) and not isinstance(value, bool)
    if isinstance(value, Tensor):
        is_number = value.numel() == 1 and _is_real(value) and not value.is_meta and value.layout == torch.strided
        is_number = is_number and not why_not_written(value)
    if not is_number:
        yield f"needs its {name} to be one number, but that is {described(value)}"


def _is_real(value: Tensor) -> bool:
    return not (value.is_complex() or value.dtype == torch.bool)


def _scale(name: str, form: Format, state: Mapping[str, Any]) -> Iterator[str]:
    """Find scales whose codes are no codes."""
    if not form.has_blocks and state.get(name + SCALE) is not None:
        found = described(state[name])
        yield f"needs its {name} to be codes of torch.uint8, as it has {name + SCALE}, but that is {found}"


def _part(param: Tensor, form: Format, part: Part, name: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        yield f"needs its {name} to be a dense tensor, but that is {described(value)}"
    elif tuple(value.shape) != part.shape(param) and part.scope in FACTORS:
        yield f"needs its {name} to have shape {part.shape(param)}, but that has {tuple(value.shape)}"
    elif tuple(value.shape) != part.shape(param):
        yield f"has shape {tuple(param.shape)}, but its {name} has {tuple(value.shape)}"
    elif kind := _kind_missed(value, form, part, param):
        yield f"needs its {name} to be {kind}, but that is {described(value)}"
    elif why := why_not_written(value):
        yield f"needs its {name} to be written to, but that {why}"


def _kind_missed(value: Tensor, form: Format, part: Part, param: Tensor) -> str | None:
    """Say what numbers a state should be of, if it is not; a coarser or finer kind of the same is converted."""
    if (form.has_blocks and not part.name) or part.dtype is torch.int16:
        return None if value.dtype is part.dtype else f"codes of {part.dtype}"
    if param.is_complex() and not (part.is_flat or part.is_smaller):
        return None if value.is_complex() else "complex numbers"
    is_computed = value.is_floating_point() and value.dtype.itemsize > 1
    return None if is_computed else "floating-point numbers of 16 bits or more"
