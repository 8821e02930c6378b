"""What is known of a parameter once and for all: numbers for a formula, of which a Python `if` may ask, too."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ..matrices.matrix import matrix_shape
from ..matrices.sides import Sides
from .phases import PHASE

FACTS = ("numel", "ndim", "is_matrix", "rows", "columns", "machine_epsilon")
"""The numbers: its elements and dimensions, whether it has rows and columns, and how many; its dtype's epsilon."""

SHAPE = "shape"
"""The size of each dimension: as many numbers as there are."""


class Known(dict[str, Any]):
    """The facts of a parameter, and behind them the options of its group, live."""

    def __init__(self, group: Mapping[str, Any]) -> None:
        super().__init__()
        self.group, self.asked = group, set[str]()
        self.found: dict[int, dict[str, float]] = {}
        self.sides: Sides | None = None
        """Which of its dimensions are rows, and which columns."""
        self.shaping: frozenset[str] = frozenset()
        """The options that facts follow from."""

    def at(self, phase: str) -> Known:
        """Add which phase of its work a step is."""
        self[PHASE] = phase
        return self

    def numbers(self, dimensions: int) -> dict[str, float]:
        """Give what formulas may ask of a parameter of so many dimensions; found once for all that are alike."""
        if dimensions not in self.found:
            sizes = map(size_name, range(dimensions))
            self.found[dimensions] = {name: self[name] for name in (*FACTS, *sizes)}
        return self.found[dimensions]

    def __missing__(self, name: str) -> Any:
        self.asked.add(name)
        return self.group[name]


def known(owner: Any, param: Tensor, group: Mapping[str, Any]) -> Known:
    """Find what a formula may ask while it is traced for a parameter."""
    found = Known(group)
    shape = whole_shape(param)
    sides = found.sides = checked_sides(owner, shape, owner.sides(shape, found))
    found.shaping = frozenset(found.asked)
    rows, columns = sides.count(shape)[1:] if sides else matrix_shape(shape, 0)
    numel = prod(shape) * (2 if param.is_complex() else 1)
    has_fractions = param.is_floating_point() or param.is_complex()
    epsilon = torch.finfo(param.dtype).eps if has_fractions else 1.0
    values = (numel, param.dim(), sides is not None, rows, columns, epsilon)
    found.update(zip(FACTS, map(float, values), strict=True))
    found[SHAPE] = tuple(map(float, shape))
    found.update({size_name(place): size for place, size in enumerate(found[SHAPE])})
    return found


def checked_sides(owner: Any, shape: tuple[int, ...], sides: Any) -> Sides | None:
    """Return the sides of a parameter; raises TypeError for what is not one, or is one of other dimensions."""
    if sides is None or (isinstance(sides, Sides) and sides.dims == len(shape)):
        return sides
    raise TypeError(
        f"{owner.__name__}.sides must return Sides(rows, columns, dims) with the {len(shape)} dimensions of {shape}, "
        f"or None, but returned {described(sides)}"
    )


def whole_shape(param: Tensor) -> tuple[int, ...]:
    """Give the shape of the tensor that a parameter is, or is a part of."""
    return tuple(getattr(param, "whole_shape", param.shape))


def size_name(place: int) -> str:
    """Name the size of a dimension."""
    return f"{SHAPE}[{place}]"
