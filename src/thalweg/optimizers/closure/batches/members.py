"""What the problems of a batch are given: starts, data, bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..function.bounds import check_sides
from ..function.given_numbers import numbers_of
from ..scipy_names.scipy_fits import sides_of


@dataclass(frozen=True, slots=True)
class Members:
    """Problems of a batch: starts of shape (b, n), and what else has a row for each of them."""

    starts: Tensor
    args: Sequence[Tensor]
    walls: tuple[Tensor, Tensor] | None

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, rows: slice) -> Members:
        """Return some of the problems."""
        walls = None if self.walls is None else (self.walls[0][rows], self.walls[1][rows])
        return Members(self.starts[rows], [arg[rows] for arg in self.args], walls)

    def to(self, dtype: torch.dtype) -> Members:
        """Return the problems with all their floats in a dtype."""
        walls = None if self.walls is None else (self.walls[0].to(dtype), self.walls[1].to(dtype))
        args = [arg.to(dtype) if arg.is_floating_point() else arg for arg in self.args]
        return Members(self.starts.to(dtype), args, walls)

    def of(self, which: Tensor, starts: Tensor) -> Members:
        """Return the problems `which`, from other starts."""
        walls = None if self.walls is None else (self.walls[0][which], self.walls[1][which])
        return Members(starts, [arg[which] for arg in self.args], walls)


def refuse(owner: str, **given: Any) -> None:
    """Raise ValueError for what a batch would have to ignore."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{owner}(batched=True) has no {name}: leave it out, or solve one problem at a time")


def starts_of(owner: str, x0: Any) -> Tensor:
    """Return the starts, shape (batch, n); raises TypeError or ValueError for another shape, or no floats."""
    starts = stacked(owner, "x0", x0)
    if starts.dim() != 2:
        raise ValueError(f"{owner}(batched=True) needs x0 of shape (batch, n), but got {tuple(starts.shape)}")
    if not starts.is_floating_point():
        raise TypeError(
            f"{owner}(batched=True) needs x0 of real floats, but its dtype is {starts.dtype}: pass x0.double()"
        )
    return starts.detach()


def stacked(owner: str, name: str, members: Any) -> Tensor:
    """Return members of a batch as one tensor; raises ValueError where they differ in shape."""
    if not isinstance(members, list | tuple):
        return numbers_of(name, members)
    rows = [numbers_of(name, row) for row in members]
    shapes = list(dict.fromkeys(tuple(row.shape) for row in rows))
    if len(shapes) > 1:
        filled = "fill the short ones up, with sigma=inf where there are no data, or " if name == "ydata" else ""
        raise ValueError(
            f"{owner}(batched=True) needs all members of {name} to have one shape, but got {shapes[0]} and {shapes[1]}"
            f": {filled}solve each shape by itself"
        )
    return torch.stack(rows) if rows else torch.zeros(0, 0, dtype=torch.float64)


def rows_of(owner: str, args: Sequence[Any], batch: int) -> list[Tensor]:
    """Return the arguments, one row per problem each; raises ValueError where there are more or fewer."""
    tensors = [stacked(owner, f"args[{i}]", arg) for i, arg in enumerate(args)]
    for i, tensor in enumerate(tensors):
        if tensor.dim() == 0 or tensor.shape[0] != batch:
            raise ValueError(
                f"{owner}(batched=True) needs a row of args[{i}] for each of the {batch} problems, but its shape is "
                f"{tuple(tensor.shape)}: let the function close over what all problems share"
            )
    return tensors


def walls_of(owner: str, bounds: Any, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return lower and upper limits, shape (batch, n) or (n,); None where nothing is bounded.

    Raises ValueError for what is no pair, does not fit x, or is crossed.
    """
    if bounds is None:
        return None
    two_ways = x.shape[1] == 2 and (isinstance(bounds, list) or (owner == "minimize" and are_pairs(bounds)))
    if two_ways or (owner == "minimize" and not hasattr(bounds, "lb") and not isinstance(bounds, tuple | list)):
        raise ValueError(
            f"{owner}(batched=True) needs bounds as a tuple (low, high) of numbers or tensors, or SciPy's Bounds, but "
            f"got {bounds!r}"
        )
    pair = sides_of(f"{owner}(batched=True)", bounds)
    assert pair is not None
    low, high = (wall(owner, name, side, x) for name, side in zip(("low", "high"), pair, strict=True))
    check_sides(f"{owner}(batched=True)", "", low, high)
    return low.expand_as(x), high.expand_as(x)


def are_pairs(bounds: Any) -> bool:
    """Return whether both entries are pairs, which SciPy reads as (low, high) of two numbers."""
    return isinstance(bounds, tuple) and all(isinstance(side, tuple | list) and len(side) == 2 for side in bounds)


def check_options(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError for an option that is not known."""
    for name in given:
        if name not in known:
            raise TypeError(f"{owner} has no option {name!r}: it has {', '.join(known)}")


def wall(owner: str, name: str, side: Tensor | None, x: Tensor) -> Tensor:
    """Return the limits on one side, one for each number of x, or of one row where all rows have the same."""
    infinite = float("inf") if name == "high" else -float("inf")
    limit = x.new_tensor(infinite) if side is None else side.to(x)
    if limit.dim() and limit.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"{owner}(batched=True) needs the {name} bound to be a number, of shape {tuple(x.shape[1:])} for all "
            f"problems or {tuple(x.shape)}, but got {tuple(limit.shape)}"
        )
    return limit if limit.dim() else limit.expand(x.shape[1:])
