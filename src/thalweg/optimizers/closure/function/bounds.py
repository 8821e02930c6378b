"""A box that every parameter stays in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .vector import Vector, read_numbers, real_view


class Box:
    """Lower and upper limits of one flat vector, infinite where there is none."""

    def __init__(self, lower: Tensor, upper: Tensor) -> None:
        self.lower = lower
        self.upper = upper
        fixed = lower == upper
        self.fixed = fixed if bool(fixed.any()) else None

    def project(self, x: Tensor) -> Tensor:
        """Return the nearest vector inside."""
        return torch.clamp(x, self.lower, self.upper)

    def told(self, gradient: Tensor) -> Tensor:
        """Return a gradient with zeros where it is no number and equal bounds fix the parameter, which needs none."""
        return gradient if self.fixed is None else gradient.masked_fill(self.fixed & ~gradient.isfinite(), 0.0)

    def free(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return one where a number may move against its gradient, zero where a limit stops it."""
        stopped = ((x <= self.lower) & (gradient > 0)) | ((x >= self.upper) & (gradient < 0))
        return (~stopped).to(x.dtype)

    def outward(self, x: Tensor, move: Tensor) -> Tensor:
        """Return whether a number lies on a limit that `move` would cross."""
        return ((x <= self.lower) & (move < 0)) | ((x >= self.upper) & (move > 0))

    def room(self, x: Tensor, move: Tensor) -> float:
        """Return how many times `move` fits between x and the border."""
        limit = torch.where(move > 0, self.upper, self.lower)
        times = torch.where(move != 0, (limit - x) / move, torch.full_like(x, float("inf")))
        return read_numbers(times.min())[0]


def box_of(vector: Vector, bounds: list[Any]) -> Box | None:
    """Return the box of one bound per parameter, None where nothing is bounded.

    Each is None or a pair (low, high) of numbers, tensors of the parameter's shape, or None.
    """
    if all(bound is None for bound in bounds):
        return None
    lower = [limits(tensor, bound, 0) for tensor, bound in zip(vector.tensors, bounds, strict=True)]
    upper = [limits(tensor, bound, 1) for tensor, bound in zip(vector.tensors, bounds, strict=True)]
    flat = [torch.cat([part.to(vector.device, vector.dtype) for part in side]) for side in (lower, upper)]
    return Box(*flat)


def limits(tensor: Tensor, bound: Any, side: int) -> Tensor:
    """Return one side's limits of a parameter as a flat real tensor."""
    real = real_view(tensor.detach())
    value = None if bound is None else bound[side]
    if value is None:
        return torch.full_like(real, (-1, 1)[side] * float("inf")).flatten()
    return torch.as_tensor(value, dtype=real.dtype, device=real.device).expand_as(real).flatten()


def check_bound(owner: str, name: str, tensor: Tensor, bound: Any) -> None:
    """Raise TypeError or ValueError for a bound that is no pair, of another shape, or crossed."""
    if bound is None:
        return
    if not isinstance(bound, tuple | list) or len(bound) != 2:
        raise TypeError(f"{owner} needs the bounds of {name} to be a pair (low, high), but got {bound!r}")
    if tensor.is_complex():
        raise ValueError(f"{owner} cannot bound {name}, which is complex: bound its view_as_real instead")
    if tensor.numel() == 2 and all(isinstance(end, tuple | list) and len(end) == 2 for end in bound):
        raise ValueError(
            f"{owner} got {bound!r} for the bounds of the two numbers of {name}, which could be (low, high) or one "
            "pair for each: pass tensors (low, high)"
        )
    for side, value in zip(("low", "high"), bound, strict=True):
        check_limit(owner, f"the {side} bound of {name}", tensor, value)
    check_sides(owner, f" of {name}", limits(tensor, bound, 0), limits(tensor, bound, 1))


def check_limit(owner: str, what: str, tensor: Tensor, value: Any) -> None:
    """Raise TypeError or ValueError for one side of a bound that is no number, or of another shape."""
    if not is_limit(value):
        raise TypeError(f"{owner} needs {what} to be a number, a tensor or None, but got {value!r}")
    shape = () if value is None else tuple(torch.as_tensor(value).shape)
    if shape not in ((), tuple(tensor.shape)):
        raise ValueError(f"{owner} needs {what} to have its shape {tuple(tensor.shape)}, but it has {shape}")


def check_sides(owner: str, of: str, low: Tensor, high: Tensor) -> None:
    """Raise ValueError for limits that leave no number between them."""
    refuse_pairs(f"{owner} needs low <= high in the bounds{of}", "are crossed or NaN", ~(low <= high), low, high)
    empty = (low == float("inf")) | (high == -float("inf"))
    rule = f"{owner} needs finite numbers to lie in the bounds{of}"
    refuse_pairs(rule, "begin at inf or end at -inf", empty, low, high)


def refuse_pairs(rule: str, what: str, wrong: Tensor, low: Tensor, high: Tensor) -> None:
    """Raise ValueError where some pairs of limits are wrong, and name the first."""
    if bool(wrong.any()):
        first = tuple(float(side.expand_as(wrong)[wrong][0]) for side in (low, high))
        raise ValueError(f"{rule}, but {int(wrong.sum())} of {wrong.numel()} {what}, such as {first}")


def is_limit(value: Any) -> bool:
    """Return whether something is None or can be a tensor of real numbers."""
    try:
        return value is None or not torch.as_tensor(value).is_complex()
    except (TypeError, ValueError, RuntimeError):
        return False


def bounds_of(group: Mapping[str, Any]) -> list[Any]:
    """Return one bound per parameter of a group: the group's own for all, or a list's each."""
    bounds, count = group.get("bounds"), len(group["params"])
    return list(bounds) if isinstance(bounds, list) else [bounds] * count
