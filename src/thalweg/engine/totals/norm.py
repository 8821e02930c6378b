"""The common norm of all gradients, taken before anything is updated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...formula.graph.number import exact_sum
from ..decisions.gradients import Ready
from ..decisions.rules import accumulates, drop_sums, is_gathering
from ..eager import reference
from ..launches.launch import Launch
from ..sharded.moments import BEFORE
from ..sharded.sharing import Sharing
from .learning import total_of
from .metrics import Metrics
from .on_device import common_norm

NORM = "grad_norm"
"""What formulas call it."""


def take(optimizer: Any, launches: Sequence[Launch], items: Sequence[Ready]) -> Any:
    """Take the norm, and make it a number of this step; return whether the step is to be left out.

    Where a device has taken it, nobody waits: the answer is a tensor, too.
    """
    found: list[dict[str, Any]] = [launch.look_at_gradients() for launch in launches]
    if items:
        found += _by_eager(optimizer, items)
    params = [*(launch.params for launch in launches), *([item.param] for item in items)]

    def of_all(name: str) -> list[Any]:
        own = [each[name] for each in found]
        return _of_all(optimizer._sharing, params, own) if optimizer._sharing else own

    squares = of_all("grad_square")
    is_only_gathered, groups = is_gathering(optimizer), optimizer.param_groups
    limits = [float(group["max_grad_norm"]) for group in groups if group["max_grad_norm"] is not None]
    # A gradient that is only gathered is seen to be finite, and not shortened.
    limit = math.inf if is_only_gathered else min(limits, default=math.inf)
    skips = any(group["skip_nonfinite"] for group in groups)
    whose = chain((param for launch in launches for param in launch.params), (item.param for item in items))
    norm, is_left_out = _taken(optimizer, squares, limit, whose if skips else None)
    if is_left_out is True or is_only_gathered:
        return is_left_out
    optimizer._metrics.norm = optimizer._step_numbers[NORM] = norm
    for name in type(optimizer).surveys:
        optimizer._step_numbers[name] = total_of(of_all(name))
    for launch in launches:
        launch.options.fill_in_numbers_of_the_step()
    return is_left_out


def _taken(optimizer: Any, squares: Sequence[Any], limit: float, params: Iterable[Tensor] | None) -> Any:
    """Add squares where they are; only where parameters are given, their gradients may have the step left out."""
    if all(map(_is_of_the_host, squares)):
        return _on_host(optimizer, squares, limit, params)
    with torch.no_grad():
        if any(map(is_seen_by_torch_func, squares)):
            # Nobody can read the numbers of a whole batch of steps, or of one that is followed.
            return sum(squares[1:], start=squares[0]).sqrt(), False
        device = next((square.device for square in squares if is_on_device(square)), None)
        if device is None:
            return _on_host(optimizer, squares, limit, params)
        return _on_device(optimizer._metrics, device, squares, limit, params is not None)


def _is_of_the_host(square: Any) -> bool:
    return isinstance(square, np.ndarray)


@torch.no_grad()
def _by_eager(optimizer: Any, items: Sequence[Ready]) -> list[dict[str, Any]]:
    """Look at gradients that no launch has."""
    return [reference.looked_at(optimizer, item) for item in items]


def _of_all(sharing: Sharing, params: Iterable[Sequence[Tensor]], squares: list[Any]) -> list[Any]:
    """Give the squares of gradients of all processes, where they share parameters."""
    if not sharing.at(BEFORE):
        return squares
    return sharing.total(BEFORE, [(own, [_column(square)]) for own, square in zip(params, squares, strict=True)])


def _column(square: Any) -> Any:
    """Give a column of numbers; the eager engine's are alone."""
    return square.double().reshape(-1) if isinstance(square, Tensor) else square


def forget_what_is_not_finite(optimizer: Any) -> None:
    """Drop the sums of gradients that waited, where it is they that are not finite, and not those of this step."""
    params = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    if not is_gathering(optimizer) and accumulates(optimizer) and _are_finite_everywhere(optimizer, params):
        drop_sums(optimizer)


def _on_host(optimizer: Any, squares: Sequence[Any], limit: float, params: Iterable[Tensor] | None) -> Any:
    """Add squares exactly; only where parameters are given, their gradients may have the step left out."""
    metrics: Metrics = optimizer._metrics
    norm = math.sqrt(exact_sum(chain.from_iterable(square.reshape(-1).tolist() for square in squares)))
    is_left_out = params is not None and not _is_finite(optimizer, norm, params)
    metrics.skipped += is_left_out
    metrics.clipped += norm > limit and not is_left_out
    return norm, is_left_out


def _on_device(metrics: Metrics, device: torch.device, squares: Sequence[Any], limit: float, skips: bool) -> Any:
    """Add squares on their device, which counts for itself."""
    columns = [torch.as_tensor(square, dtype=torch.float64, device=device).reshape(-1) for square in squares]
    column = columns[0] if len(columns) == 1 else torch.cat(columns)
    if device not in metrics.on_device:
        metrics.on_device[device] = common_norm(device)
    common = metrics.on_device[device]
    common.take(column, limit, skips)
    return common.norm[0], common.left_out if skips else False


def is_on_device(square: Any) -> bool:
    """Tell if a device has taken a square, or those of a whole launch."""
    return isinstance(square, Tensor) and (square.dim() > 0 or square.device.type != "cpu")


def is_seen_by_torch_func(square: Any) -> bool:
    """Tell if torch.func stands between a number and whoever would read it."""
    return isinstance(square, Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(square)


def _is_finite(optimizer: Any, norm: Any, params: Iterable[Tensor]) -> bool:
    """Tell if all gradients are finite; squares of float64 overflow earlier, and are looked at again."""
    if math.isfinite(norm):
        return True
    listed = list(params)
    if not optimizer._sharing and all(
        param.grad is None or param.grad.dtype not in (torch.float64, torch.complex128) for param in listed
    ):
        return False
    return _are_finite_everywhere(optimizer, listed)


def _are_finite_everywhere(optimizer: Any, params: Iterable[Tensor]) -> bool:
    """Look at each gradient, where parameters are sharded on each process."""
    is_finite = _are_finite(params)
    return bool(optimizer._sharing.all(is_finite)) if optimizer._sharing else is_finite


def _are_finite(params: Iterable[Tensor]) -> bool:
    """Look at each gradient."""
    grads = [param.grad for param in params if param.grad is not None]
    return all(bool(torch.isfinite(grad.coalesce().values() if grad.is_sparse else grad).all()) for grad in grads)
