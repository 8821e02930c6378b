"""How many parameters the eager engine computes at once, before it writes any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...state.layout import overlapping
from .gradients import Ready
from .reasons import has_memory

MOST = 2**24
"""Elements whose new values are all computed before the first is written: so much memory is at hand, or nothing is
changed; of a larger model, some parameters at a time."""


def batches(optimizer: Any, items: Sequence[Ready]) -> list[list[Ready]]:
    """Cut what is to be updated into pieces: those that share memory are updated one after the other."""
    found: list[list[Ready]] = [[]]
    size, shared = 0, _sharing(optimizer, items)
    for index, item in enumerate(items):
        if found[-1] and (index in shared or index - 1 in shared or size + item.param.numel() > MOST):
            found.append([])
            size = 0
        found[-1].append(item)
        size += item.param.numel()
    return found


def _sharing(optimizer: Any, items: Sequence[Ready]) -> set[int]:
    """Find those that share memory with others, as far as memory can be seen."""
    held = [[item.param, *optimizer.state.get(item.param, {}).values()] for item in items]
    written = [[tensor for tensor in tensors if has_memory(tensor)] for tensors in held]
    return overlapping(written, [[item.grad] if has_memory(item.grad) else [] for item in items])
