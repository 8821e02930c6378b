"""What drawing batches and training copies would change, kept as it was: random generators, and the data's state."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

DEEPEST = 4
"""How many objects within objects are looked through for what changes."""

Restore = Callable[[], object]


@contextmanager
def untouched(batches: Iterable[Any]) -> Iterator[Iterable[Any]]:
    """Give batches to go through; afterwards whoever goes through the others meets what they would have met.

    A DataLoader is copied, but for its data set; of that, and of whatever else holds batches, numbers, lists and random
    generators are put back, as are the generators of torch, NumPy and Python.
    """
    copied = _copied(batches)
    undo = [*_generators(), *_restores(getattr(batches, "dataset", batches), set(), DEEPEST)]
    try:
        yield copied
    finally:
        for restore in undo:
            restore()


def _copied(batches: Iterable[Any]) -> Iterable[Any]:
    """Copy a loader with its sampler and generator; the data is shared, and workers are its own."""
    if not isinstance(batches, DataLoader):
        return batches
    shared = [batches.dataset, getattr(batches, "_iterator", None), batches.multiprocessing_context]
    memo = {id(item): item for item in shared if item is not None}
    twin = copy.deepcopy(batches, memo)
    if getattr(twin, "_iterator", None) is not None:
        twin._iterator = None
    return twin


def _generators() -> Iterator[Restore]:
    """Keep the generators that everybody draws from."""
    state, own = torch.get_rng_state(), random.getstate()
    numbers = np.random.get_state()  # noqa: NPY002 - what others may still draw from
    yield lambda: torch.set_rng_state(state)
    yield lambda: np.random.set_state(numbers)  # noqa: NPY002
    yield lambda: random.setstate(own)
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device is not None:
        module = torch.get_device_module(device)
        states = [module.get_rng_state(index) for index in range(module.device_count())]
        yield lambda: [module.set_rng_state(kept, index) for index, kept in enumerate(states)]


def _restores(item: Any, seen: set[int], depth: int) -> Iterator[Restore]:
    """Find what may change in an object, and how each is put back."""
    if id(item) in seen or depth < 0:
        return
    seen.add(id(item))
    if (own := _of_generator(item)) is not None:
        yield own
    elif isinstance(item, list):
        kept = item[:]
        yield lambda: item.__setitem__(slice(None), kept)
        yield from (restore for part in item[:100] for restore in _restores(part, seen, depth - 1))
    elif isinstance(item, np.ndarray | Tensor):
        yield from _of_order(item)
    elif isinstance(getattr(item, "__dict__", None), dict) and not isinstance(item, type):
        attributes, before = item.__dict__, dict(item.__dict__)
        yield lambda: _put_back(attributes, before)
        yield from (restore for part in before.values() for restore in _restores(part, seen, depth - 1))


def _of_generator(item: Any) -> Restore | None:
    if isinstance(item, torch.Generator):
        drawn = item.get_state()
        return lambda: item.set_state(drawn)
    if isinstance(item, random.Random):
        state = item.getstate()
        return lambda: item.setstate(state)
    if isinstance(item, np.random.RandomState):
        numbers = item.get_state()
        return lambda: item.set_state(numbers)
    if isinstance(item, np.random.Generator):
        bits = copy.deepcopy(item.bit_generator.state)
        return lambda: setattr(item.bit_generator, "state", bits)
    return None


def _of_order(item: Any) -> Iterator[Restore]:
    """Keep what may be an order in which data comes: whole numbers in a row."""
    is_whole = item.dtype.kind in "iu" if isinstance(item, np.ndarray) else not item.dtype.is_floating_point
    if item.ndim == 1 and is_whole:
        kept = copy.deepcopy(item)
        yield lambda: item.__setitem__(slice(None), kept)


def _put_back(attributes: dict[str, Any], before: dict[str, Any]) -> None:
    attributes.clear()
    attributes.update(before)
