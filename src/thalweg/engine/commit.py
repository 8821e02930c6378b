"""What a step changes, when everything is decided and made: in one go, within which no signal is answered.

Python answers a signal, and raises KeyboardInterrupt, only between two of its own instructions. A chain of functions of
C has none, so an interrupt comes before or after it. Where Python has to take part, interrupts wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import call
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..state.entries import Entries
from ..state.interrupts import InterruptsWaiting

Change: TypeAlias = Callable[[], Any]


def commit(changes: Sequence[Change], needs_python: bool = False) -> None:
    """Make changes, one after the other."""
    if needs_python:
        with InterruptsWaiting(), torch.set_grad_enabled(torch.is_grad_enabled()):
            deque(map(call, changes), maxlen=0)
    else:
        deque(map(call, changes), maxlen=0)


def given_to_driver(launches: Sequence[Sequence[Callable[[], int]]]) -> bool:
    """Give all launches to a device's driver; False if some cannot be, or it has taken none: then nothing has changed.

    Raises RuntimeError if the driver took only some.
    """
    if not all(launches):
        return False
    refused = list(map(call, chain.from_iterable(launches)))
    if any(refused) and not all(refused):
        raise RuntimeError(
            f"a device's driver took only some of the kernels of a step (its errors: {refused}), so parameters and "
            "states are no longer those of one step: load the last checkpoint in a new process"
        )
    return not any(refused)


def entries(optimizer: Any, states: Iterable[tuple[Tensor, Mapping[str, Any]]]) -> list[Change]:
    """Make these the states of parameters, all others being gone; a dict of states stays the one that it is."""
    held = optimizer.state
    wanted = [(param, held.get(param), state) for param, state in states]
    changes = [change for _, own, state in wanted if own is not None for change in _entries(own, state)]
    fresh = {param: Entries(held.changes, state) for param, own, state in wanted if own is None and state}
    if fresh:
        changes.append(partial(dict.update, held, fresh))
    if not changes:
        return []
    # They go past what counts changes, so that is told; a function of the dict itself would be Python's.
    added = all(_only_adds(own, state) for _, own, state in wanted if own)
    numbers = {"count": held.changes.count + 1, "added": held.changes.added + added}
    return [*changes, *(partial(setattr, held.changes, name, number) for name, number in numbers.items())]


def _only_adds(own: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Tell if all that a parameter has stays what it is."""
    return all(name in state and state[name] is value for name, value in own.items())


def _entries(own: Any, state: Mapping[str, Any]) -> Iterator[Change]:
    new = {name: value for name, value in state.items() if own.get(name) is not value}
    if new:
        yield partial(dict.update, own, new)
    for name in own.keys() - state.keys():
        yield partial(dict.pop, own, name)
