"""What a step changes, when everything is decided and made: in one go, within which no signal is answered.

Python answers a signal, and raises KeyboardInterrupt, only between two of its own instructions. A chain of functions of
C has none, so an interrupt comes before or after it. Where Python has to take part, interrupts wait.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import call
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..state.entries import Entries

Change: TypeAlias = Callable[[], Any]

SET_HANDLER: Callable[..., Any] = _signal.signal
GET_HANDLER: Callable[..., Any] = _signal.getsignal
"""C's own functions, without what makes enumerations of numbers: that would take as long as a launch."""

SIGINT = int(signal.SIGINT)


def commit(changes: Sequence[Change], needs_python: bool = False) -> None:
    """Make changes, one after the other."""
    if needs_python:
        with InterruptsWaiting(), torch.set_grad_enabled(torch.is_grad_enabled()):
            deque(map(call, changes), maxlen=0)
    else:
        deque(map(call, changes), maxlen=0)


class InterruptsWaiting:
    """Within it, an interrupt from the keyboard waits, and is answered afterwards.

    A generator would say it in fewer lines, and take as long as a launch.
    """

    __slots__ = ("came", "handler")

    def __enter__(self) -> None:
        """Put off interrupts; no other thread than the main one gets any."""
        self.came: list[Any] = []
        # A handler that is None was put there by a library in C, and could not be put back.
        self.handler = GET_HANDLER(SIGINT) if threading.current_thread() is threading.main_thread() else None
        if self.handler is not None:
            SET_HANDLER(SIGINT, self._note)

    def _note(self, *arguments: Any) -> None:
        self.came.append(arguments)

    def __exit__(self, *_: object) -> None:
        """Answer the first of those that came."""
        if self.handler is None:
            return
        SET_HANDLER(SIGINT, self.handler)
        if self.came and callable(self.handler):
            self.handler(*self.came[0])


def entries(optimizer: Any, states: Iterable[tuple[Tensor, Mapping[str, Any]]]) -> list[Change]:
    """Make these the states of parameters, all others being gone; a dict of states stays the one that it is."""
    held, wanted = optimizer.state, list(states)
    changes = [change for param, state in wanted for change in _entries(held, param, state)]
    if not changes:
        return []
    # They go past what counts changes, so that is told; a function of the dict itself would be Python's.
    added = all(_only_adds(held.get(param) or {}, state) for param, state in wanted)
    numbers = {"count": held.changes.count + 1, "added": held.changes.added + added}
    return [*changes, *(partial(setattr, held.changes, name, number) for name, number in numbers.items())]


def _only_adds(own: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Tell if all that a parameter has stays what it is."""
    return all(name in state and state[name] is value for name, value in own.items())


def _entries(held: Any, param: Tensor, state: Mapping[str, Any]) -> Iterator[Change]:
    own = held.get(param)
    if own is None:
        if state:
            yield partial(dict.update, held, {param: Entries(held.changes, state)})
        return
    new = {name: value for name, value in state.items() if own.get(name) is not value}
    if new:
        yield partial(dict.update, own, new)
    for name in own.keys() - state.keys():
        yield partial(dict.pop, own, name)
