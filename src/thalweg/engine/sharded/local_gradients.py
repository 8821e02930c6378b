"""What this process has of a gradient, which must be divided as its parameter is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter, call, is_
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from ...distributed.division import part
from ...distributed.shards import LocalShard, is_sharded, local
from ...state.names import name_in

GRAD, LOCAL, SPEC = attrgetter("grad"), attrgetter("_local_tensor"), attrgetter("_spec")
SET_GRAD: Callable[[Tensor, Any], None] = Tensor.grad.__set__  # type: ignore[union-attr]

NO_OVERRIDES = torch._C.DisableTorchFunctionSubclass
"""Within it, torch does not ask a tensor's class whether it does things its own way: that takes half of the time."""


class LocalGradients:
    """The gradients of local parameters: what is here of those of the sharded ones, for as long as these live."""

    def __init__(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self.sharded, self.own = [param for param, _ in pairs], [own for _, own in pairs]
        self.refs: list[Any] = [_none] * len(self.own)
        self.specs: list[Any] = [None] * len(self.own)

    def take(self, gradient: Callable[[Any, Any], Tensor | None]) -> None:
        """Let each local parameter have its gradient; `gradient` gives what is here of one that is new."""
        with NO_OVERRIDES():
            grads = list(map(GRAD, self.sharded))
            if not all(map(is_, map(call, self.refs), grads)):
                self._take(grads, gradient)

    def _take(self, grads: Sequence[Any], gradient: Callable[[Any, Any], Tensor | None]) -> None:
        own: list[Any]
        try:
            own, specs = list(map(LOCAL, grads)), list(map(SPEC, grads))
        except AttributeError:
            own, specs = [], []
        # Torch has one description for all gradients of a parameter, so it is as it was, step after step.
        if not specs or not all(map(is_, specs, self.specs)) or set(map(type, own)) != {Tensor}:
            own = list(map(gradient, self.sharded, grads))
            self.specs = specs if all(map(is_like, self.sharded, grads)) else [None] * len(specs)
        deque(map(SET_GRAD, self.own, own), maxlen=0)
        # What was added up anew is not what the gradient itself has.
        self.refs = [
            ref(grad, param.let_go) if mine is not None and mine is getattr(grad, "_local_tensor", None) else _none
            for grad, param, mine in zip(grads, self.own, own, strict=True)
        ]


def gradient(optimizer: Any, param: Any, grad: Any) -> Tensor | None:
    """Give what is here of a sharded parameter's gradient; terms of a sum are added up.

    Raises RuntimeError for one that is divided otherwise than its parameter.
    """
    if grad is None:
        return None
    if not is_sharded(grad):
        _refuse(optimizer, param, f"its gradient is a plain tensor of shape {tuple(grad.shape)}")
    if any(placement.is_partial() for placement in grad.placements):
        grad = grad.redistribute(placements=param.placements)
    if (grad.device_mesh, grad.placements) != (param.device_mesh, param.placements):
        _refuse(optimizer, param, f"its gradient is {tuple(grad.placements)} on {grad.device_mesh}")
    if grad.shape != param.shape:
        _refuse(optimizer, param, f"its gradient has shape {tuple(grad.shape)}")
    return local(grad)


def part_of_gradient(optimizer: Any, param: Tensor, grad: Tensor, shard: LocalShard) -> Tensor:
    """Give this process's part of a gradient that all of them have; raises RuntimeError for one that has no parts."""
    if grad.layout != torch.strided or is_sharded(grad) or grad.shape != param.shape:
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot step {name_in(optimizer.param_groups, param)}: its states are "
            f"divided among processes, which needs a dense gradient of shape {tuple(param.shape)}, but it is "
            f"{type(grad).__name__} of {grad.layout} and shape {tuple(grad.shape)}: run backward() again"
        )
    return part(grad.detach(), shard)


def is_like(param: Any, grad: Any) -> bool:
    """Tell if a gradient is of the shape of its parameter, and divided as that is."""
    if grad is None or not is_sharded(grad):
        return False
    wanted = param.shape, param.device_mesh, param.placements
    return bool((grad.shape, grad.device_mesh, grad.placements) == wanted)


def _refuse(optimizer: Any, param: Any, what: str) -> None:
    raise RuntimeError(
        f"{type(optimizer).__name__} cannot step {name_in(optimizer.param_groups, param)}: {what}, but it has "
        f"shape {tuple(param.shape)} and is {tuple(param.placements)} on {param.device_mesh}: run backward() again"
    )


def _none() -> None:
    """What stands for the gradient of a parameter that has none."""
