"""Schemas: what the pieces of a checkpoint must be like, piece within piece, and new ones made of them that are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...described import described

SMALLEST = 5e-324
"""The least number above zero."""

Kind: TypeAlias = Callable[[str, Any], Any]
"""Takes the name of a piece and what was saved of it; returns a new one, or raises MisfitError."""


class MisfitError(Exception):
    """A piece is not what it must be; the words follow the name of the whole."""


def require(fits: bool, name: str, wanted: str, value: Any) -> None:
    """Raise MisfitError unless a piece fits."""
    if not fits:
        raise MisfitError(f"needs {name} to be {wanted}, but that is {described(value)}")


def _at_least(low: float) -> str:
    return "above 0" if low == SMALLEST else f"at least {low:g}"


def number(low: float = -math.inf, high: float = math.inf, may_be_nan: bool = False) -> Kind:
    """Want one real number, of Python or as a tensor, and make it Python's."""
    limits = "a number" if low == -math.inf else f"a number, {_at_least(low)}"

    def of(name: str, value: Any) -> float:
        is_real = isinstance(value, float | int) and not isinstance(value, bool)
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_meta and value.layout == torch.strided:
            is_real = value.is_floating_point()
        found = float(value) if is_real else math.nan
        require(is_real and (low <= found <= high or (may_be_nan and math.isnan(found))), name, limits, value)
        return found

    return of


def whole(low: int = 0, high: int | None = None) -> Kind:
    """Want a whole number of Python's."""
    limits = f"a whole number, at least {low}" if high is None else f"a whole number from {low} to {high}"

    def of(name: str, value: Any) -> Any:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value
        require(fits and (high is None or value <= high), name, limits, value)
        return value

    return of


def flag(name: str, value: Any) -> Any:
    """Want True or False."""
    require(isinstance(value, bool), name, "True or False", value)
    return value


def tensor(like: Tensor, *shape: int, low: float = -math.inf) -> Kind:
    """Want a dense real tensor of a shape, and make it of the dtype and on the device of another one."""

    def of(name: str, value: Any) -> Tensor:
        fits = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
        fits = fits and tuple(value.shape) == shape and value.is_floating_point()
        require(fits, name, f"a dense tensor of real numbers, of shape {shape}", value)
        # The least number above zero is zero in float32.
        is_high = low == -math.inf or bool((value > 0 if low == SMALLEST else value >= low).all())
        require(is_high, name, f"{_at_least(low)} throughout", value)
        new: Tensor = value.detach().to(like, copy=True)
        return new

    return of


def optional(kind: Kind) -> Kind:
    """Want None, or something of a kind."""
    return lambda name, value: None if value is None else kind(name, value)


def several(*kinds: Kind) -> Kind:
    """Want a list with something of each kind, in this order."""

    def of(name: str, value: Any) -> list[Any]:
        fits = isinstance(value, list | tuple) and len(value) == len(kinds)
        require(fits, name, f"a list of {len(kinds)}", value)
        return [kind(f"{name}[{place}]", item) for place, (kind, item) in enumerate(zip(kinds, value, strict=True))]

    return of


def listed(kind: Kind) -> Kind:
    """Want a list of any length whose items are of one kind."""

    def of(name: str, value: Any) -> list[Any]:
        require(isinstance(value, list | tuple), name, "a list", value)
        return [kind(f"{name}[{place}]", item) for place, item in enumerate(value)]

    return of


def record(
    kinds: Mapping[str, Kind], may_lack: Mapping[str, Kind] | None = None
) -> Callable[[str, Any], dict[str, Any]]:
    """Want a dict with these entries, and perhaps some others; what is not named is left out."""

    def of(name: str, value: Any) -> dict[str, Any]:
        require(isinstance(value, Mapping), name, "a dict", value)
        lacking = [key for key in kinds if key not in value]
        if lacking:
            raise MisfitError(f"has no {', '.join(lacking)} in {name}, so another optimizer saved it")
        known = {**kinds, **(may_lack or {})}
        return {key: kind(f"{name}[{key!r}]", value[key]) for key, kind in known.items() if key in value}

    return of
