"""Which parameters are so alike that what is decided for one of them holds for all."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from .gradients import Ready
from .seen import seen_of, seen_of_all


def likeness(item: Ready, held: Mapping[str, Any]) -> Hashable:
    """Give what decisions about a parameter follow from: parameters of which it is equal are alike."""
    seen = [*item.seen, *map(seen_of, held.values())]
    return id(item.param) if None in seen else (id(item.group), item.phase, *held, *seen)


def likenesses(items: Sequence[Ready], held: Sequence[Mapping[str, Any]]) -> Iterator[Hashable]:
    """Give the same of many, which can be compared with each other alone: what is seen is told by where it is kept."""
    seen = iter(seen_of_all(list(chain.from_iterable(state.values() for state in held))))
    for item, state in zip(items, held, strict=True):
        all_seen = [*item.seen, *islice(seen, len(state))]
        yield id(item.param) if None in all_seen else (id(item.group), item.phase, *state, *map(id, all_seen))
