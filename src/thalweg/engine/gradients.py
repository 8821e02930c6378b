"""Which parameters can be updated now; what cannot be is refused before anything changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..state.names import name_of


@dataclass(frozen=True)
class Ready:
    """A parameter that has a gradient, and the group whose options it follows."""

    group: dict[str, Any]
    param: Tensor
    grad: Tensor


def again(group: dict[str, Any], param: Tensor) -> Ready:
    """Look at the gradient of a parameter that is known to have one."""
    assert param.grad is not None
    return Ready(group, param, param.grad)


def ready(optimizer: Any) -> list[Ready]:
    """List what is to be updated; raises RuntimeError for a gradient that does not fit its parameter."""
    found = list(_with_gradient(optimizer.param_groups))
    for group_index, index, item in found:
        fault = _fault(item.param, item.grad)
        if fault:
            name = name_of(item.group, index, group_index)
            raise RuntimeError(f"{type(optimizer).__name__} cannot step {name}: {fault}")
    return [item for _, _, item in found]


def _with_gradient(groups: list[dict[str, Any]]) -> Iterator[tuple[int, int, Ready]]:
    for group_index, group in enumerate(groups):
        for index, param in enumerate(group["params"]):
            grad = param.grad
            if grad is not None:
                yield group_index, index, Ready(group, param, grad)


def _fault(param: Tensor, grad: Tensor) -> str | None:
    """Say what is wrong with a gradient, or nothing."""
    if grad.layout != param.layout:
        return (
            f"it does not support sparse gradients (layout {grad.layout}): make the layer dense, "
            "for example nn.Embedding(..., sparse=False)"
        )
    if grad.shape != param.shape:
        return f"its gradient has shape {tuple(grad.shape)}, but it has {tuple(param.shape)}: run backward() again"
    if grad.dtype != param.dtype:
        return f"its gradient is {grad.dtype}, but it is {param.dtype}: run backward() again"
    if grad.device != param.device:
        return f"its gradient is on {grad.device}, but it is on {param.device}: run backward() again"
    return None
