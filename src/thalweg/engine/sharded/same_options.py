"""Whether all processes give an optimizer the same options, which they tell each other once: before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .shared_parameters import is_shared

Options: TypeAlias = list[dict[str, Any]]
"""The options of each group that has parameters which processes share, and nothing for the others."""

COMPARED = (bool, int, float, str, torch.dtype, type(None))
"""What is the same on all processes if it is equal there; objects may be others, and mean the same."""


def options_of(optimizer: Any) -> Options:
    """Give what processes tell each other of their options."""
    rule = {"optimizer": type(optimizer).__name__}
    return [
        rule | {name: value for name in optimizer.options if _is_plain(value := _number(group.get(name)))}
        if any(map(is_shared, group["params"]))
        else {}
        for group in optimizer.param_groups
    ]


def difference(ranks: Sequence[int], told: Sequence[Options]) -> str | None:
    """Say which option is another one on some processes; None if there is none."""
    for place, groups in enumerate(zip(*told, strict=False)):
        # That a group is empty on some of them is said otherwise.
        for name in dict.fromkeys(chain.from_iterable(groups)) if all(groups) else ():
            values = [group.get(name) for group in groups]
            if other := [value for value in values if not _same(value, values[0])]:
                first, second = (_whose(value, ranks, values) for value in (values[0], other[0]))
                return f"{name} of group {place} is {first} and {second}"
    return None


def _whose(value: Any, ranks: Sequence[int], values: Sequence[Any]) -> str:
    """Say which processes have a value."""
    found = [rank for rank, own in zip(ranks, values, strict=True) if _same(own, value)]
    return f"{value!r} on process{'' if len(found) == 1 else 'es'} {', '.join(map(str, found))}"


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))


def _number(value: Any) -> Any:
    """Read a tensor of one number; options may be such."""
    return value.detach().item() if isinstance(value, Tensor) and value.numel() == 1 else value


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, tuple | list) else isinstance(value, COMPARED)
