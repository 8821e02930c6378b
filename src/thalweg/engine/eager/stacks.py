"""Parameters that are alike, in one stack: products of matrices of one shape are made together."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...formula.graph.move import plain
from ..operands import PLAIN

if TYPE_CHECKING:
    from .update import Update


MOST = 2**16
"""Elements of the largest tensors of a stack on a processor: what fits its caches is not written out in between."""


def together(updates: Sequence[Update]) -> Iterator[list[Update]]:
    """Find those for which a formula may be called once, as it sees matrices only and sums over none of them."""
    found: dict[Any, list[Update]] = {}
    for update in updates:
        found.setdefault(_kind(update), []).append(update)
    for alike in found.values():
        count = _most(alike[0])
        for first in range(0, len(alike), count):
            yield alike[first : first + count]


def _most(update: Update) -> int:
    """Say how many go into a stack: on a device all, whose launches cost more than their memory."""
    if update.param.device.type != "cpu":
        return sys.maxsize
    kept = (value.numel() for value in update.full.values() if isinstance(value, Tensor))
    return max(MOST // max(update.param.numel(), *kept, 1), 1)


def _kind(update: Update) -> Any:
    """Say what must be alike: the formula and its numbers, and the shapes and dtypes of all that it sees."""
    item, formula = update.item, update.formula
    is_plain = type(item.param) in PLAIN and not (item.grad.is_sparse or item.group["differentiable"])
    if not (is_plain and formula.sees_matrices_alone):
        return id(update)
    kept = tuple((name, form.dtype) for name, form in update.kept.items())
    return formula, id(item.group), item.param.shape, item.param.device, kept, update.count


def stacked(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack what formulas of like parameters are called with; a state that is not needed stays None."""
    first = values[0]
    return {
        name: None if first[name] is None else torch.stack([plain(each[name]) for each in values]) for name in first
    }


def unstacked(outputs: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """Give each parameter its own of what a formula has made of the stack; a number is the same for all."""
    whole = {name: plain(value) for name, value in outputs.items()}
    for index in range(count):
        yield {name: value[index] if isinstance(value, Tensor) else value for name, value in whole.items()}
