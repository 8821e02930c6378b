"""Which parameters are so alike that what is decided for one of them holds for all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from .gradients import Ready
from .seen import seen_of


def likeness(item: Ready, held: Mapping[str, Any]) -> Hashable:
    """Give what decisions about a parameter follow from: parameters of which it is equal are alike."""
    seen = [*item.seen, *map(seen_of, held.values())]
    return id(item.param) if None in seen else (id(item.group), item.phase, *held, *seen)
