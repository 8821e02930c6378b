"""The common norm of all gradients, taken before anything is updated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from . import eager
from .gradients import Ready
from .launch import Launch

NORM = "grad_norm"
"""What formulas call it."""


def take(optimizer: Any, launches: Sequence[Launch], items: Sequence[Ready]) -> bool:
    """Take the norm, and make it a number of this step; False if the step is to be left out."""
    seen = chain.from_iterable(launch.look_at_gradients().tolist() for launch in launches)
    with torch.no_grad():
        norm = _root([*seen, *(eager.grad_square(optimizer, item) for item in items)])
    metrics, groups = optimizer._metrics, optimizer.param_groups
    params = chain((param for launch in launches for param in launch.params), (item.param for item in items))
    if any(group["skip_nonfinite"] for group in groups) and not _is_finite(norm, params):
        metrics.skipped += 1
        return False
    metrics.norm = optimizer._step_numbers[NORM] = norm
    limits = [group["max_grad_norm"] for group in groups if group["max_grad_norm"] is not None]
    # Of a norm on a device nothing is counted: it would be waited for.
    metrics.clipped += not isinstance(norm, Tensor) and any(norm > float(limit) for limit in limits)
    for launch in launches:
        launch.options.fill_in_numbers_of_the_step()
    return True


def _root(squares: list[Any]) -> Any:
    """Add squares exactly, or on their device."""
    devices = [square for square in squares if isinstance(square, Tensor) and square.device.type != "cpu"]
    if not devices:
        total = [float(square) for square in squares]
        return math.sqrt(math.fsum(total)) if all(map(math.isfinite, total)) else math.sqrt(max(total, key=_badness))
    return torch.stack([torch.as_tensor(square).to(devices[0].device) for square in squares]).sum().sqrt()


def _badness(square: float) -> float:
    return math.inf if math.isnan(square) else square


def _is_finite(norm: Any, params: Iterable[Tensor]) -> bool:
    """Tell if all gradients are finite; squares of float64 overflow earlier, and are looked at again."""
    if math.isfinite(norm):
        return True
    grads = [param.grad for param in params if param.grad is not None]
    if all(grad.dtype not in (torch.float64, torch.complex128) for grad in grads):
        return False
    return all(bool(torch.isfinite(grad.coalesce().values() if grad.is_sparse else grad).all()) for grad in grads)
