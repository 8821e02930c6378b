"""What an optimizer learns from a step: numbers of its groups, from sums over all parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ...formula.graph.number import Number, exact_sum
from ...formula.rule.learned import checked_learned
from ...formula.rule.rule import Group
from ...formula.tracing.option_symbols import is_number
from .lessons import lesson
from .metrics import numbers
from .on_device import add


def learn(optimizer: Any) -> None:
    """Have the optimizer learn, unless gradients were only gathered; what a device has summed is not waited for.

    Where a device has left a step out, sums are zero.
    """
    owner, sums, first = type(optimizer), optimizer._metrics.sums, optimizer.param_groups[0]
    if not all(name in sums for name in owner.measures):
        return
    totals = {name: total_of(sums[name]) for name in owner.measures} | _surveyed(optimizer)
    is_at_hand = not any(isinstance(total, Tensor) for total in totals.values())
    if is_at_hand and (new := lesson(owner, first, totals)) is not None:
        for group in optimizer.param_groups:
            for name, value in new.items():
                group[name] = value
        return
    totals = _alike(totals)
    learned = _alike({name: _number(first[name]) for name in owner.learned} | totals)
    group = Group(owner, lambda name: learned[name] if name in owner.learned else _number(first[name]))
    with torch.set_grad_enabled(bool(first["differentiable"])):
        found = checked_learned(owner, "learn", owner.learn(group, **totals))
        for other in optimizer.param_groups:
            for name, value in found.items():
                _put(other, name, value)


def _surveyed(optimizer: Any) -> dict[str, Any]:
    """Give the sums that were known before the step."""
    found = {name: optimizer._step_numbers[name] for name in type(optimizer).surveys}
    return {name: value if isinstance(value, Tensor) else Number(value) for name, value in found.items()}


def _number(value: Any) -> Any:
    """Turn an option into what formulas compute with; tensors that would be waited for stay."""
    if isinstance(value, tuple | list):
        return tuple(map(_number, value))
    if isinstance(value, Tensor):
        number = value.reshape(())
        # One at hand is a number like others.
        return Number(number) if _is_at_hand(number) else number
    return Number(value) if is_number(value) else value


def total_of(sums: Sequence[Any]) -> Any:
    """Add up the sums of all parameters: exactly, or on their device, or in their graph."""
    tensors = [item for item in sums if isinstance(item, Tensor) and not _is_at_hand(item)]
    if not tensors:
        return Number(exact_sum(numbers(sums)))
    device = tensors[0].device
    columns = [torch.as_tensor(item, dtype=torch.float64, device=device).reshape(-1) for item in sums]
    column = columns[0] if len(columns) == 1 else torch.cat(columns)
    is_followed = column.requires_grad or is_functorch_wrapped_tensor(column)
    return column.sum() if is_followed else add(column)


def _alike(totals: dict[str, Any]) -> dict[str, Any]:
    """Make all of them tensors where one is: by a condition that is a tensor, nothing can be chosen of two numbers."""
    device = next((total.device for total in totals.values() if isinstance(total, Tensor)), None)
    if device is None:
        return totals
    others = {
        name: torch.tensor(float(total), dtype=torch.float64, device=device)
        for name, total in totals.items()
        if not isinstance(total, Tensor)
    }
    return totals | others


def _is_at_hand(item: Tensor) -> bool:
    """Tell if a number may be read without waiting, and without leaving a graph, or a function that torch.func sees."""
    is_plain = not (item.dim() or item.requires_grad or is_functorch_wrapped_tensor(item))
    return is_plain and item.device.type == "cpu"


def _put(group: dict[str, Any], name: str, value: Any) -> None:
    """Keep a number where it was: a tensor may be part of a device's captured work."""
    if not isinstance(value, Tensor):
        group[name] = float(value)
        return
    old = group[name]
    if isinstance(old, Tensor) and old.device == value.device and not (old.requires_grad or value.requires_grad):
        old.copy_(value.reshape(old.shape))
    else:
        group[name] = value.reshape(()).to(torch.float64)
