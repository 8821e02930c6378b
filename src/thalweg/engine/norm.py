"""The common norm of all gradients, taken before anything is updated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import eager
from .gradients import Ready
from .launch import Launch

NORM = "grad_norm"
"""What formulas call it."""


def take(optimizer: Any, launches: Sequence[Launch], items: Sequence[Ready]) -> Any:
    """Take the norm, and make it a number of this step; return whether the step is to be left out.

    Where a device has taken it, nobody waits: the answer is a tensor, too.
    """
    seen = [launch.look_at_gradients() for launch in launches]
    with torch.no_grad():
        norm = _root([*seen, *(eager.grad_square(optimizer, item) for item in items)])
    metrics, groups = optimizer._metrics, optimizer.param_groups
    params = chain((param for launch in launches for param in launch.params), (item.param for item in items))
    is_left_out: Any = False
    if any(group["skip_nonfinite"] for group in groups):
        is_left_out = ~norm.isfinite() if isinstance(norm, Tensor) else not _is_finite(norm, params)
        metrics.skipped = metrics.skipped + is_left_out
        if is_left_out is True:
            return True
    metrics.norm = optimizer._step_numbers[NORM] = norm
    limits = [group["max_grad_norm"] for group in groups if group["max_grad_norm"] is not None]
    if limits:
        is_clipped = norm > min(map(float, limits))
        metrics.clipped = metrics.clipped + (is_clipped & ~is_left_out if is_left_out is not False else is_clipped)
    for launch in launches:
        launch.options.fill_in_numbers_of_the_step()
    return is_left_out


def _root(squares: list[Any]) -> Any:
    """Add squares exactly, or on their device."""
    on_device = next((square.device for square in squares if _is_on_device(square)), None)
    if on_device is not None:
        columns = [torch.as_tensor(square).to(on_device, torch.float64).reshape(-1) for square in squares]
        return torch.cat(columns).sum().sqrt()
    total = [float(number) for square in squares for number in np.ravel(square.tolist())]
    return math.sqrt(math.fsum(total)) if all(map(math.isfinite, total)) else math.sqrt(max(total, key=_badness))


def _is_on_device(square: Any) -> bool:
    """Tell if a device has taken a square, or those of a whole launch."""
    return isinstance(square, Tensor) and (square.dim() > 0 or square.device.type != "cpu")


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
