"""Short messages between the processes of one machine: through sockets, from one process's own thread to another's.

A collective of torch's passes through threads that sleep meanwhile, and waking them takes several times as long as
sending the few bytes of a common norm. A process that ends closes its sockets, and so is missed at once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from weakref import WeakSet, finalize

MOST_PROCESSES = 16
"""Each tells each other one, so many would tell too much."""

MOST_BYTES = 2**12
"""Of a message: sockets take in two of that size before anybody reads them, which is as far as a process gets ahead."""

AWAKE = 1e-4
"""Seconds for which a process waits without sleeping: about as long as it takes to wake one."""

Tell = Callable[[Any], list[Any]]
"""Lets each process hear what all of them tell, in their order."""


class Sockets:
    """The connections of this process to each other one, by their places."""

    def __init__(self, place: int, others: dict[int, socket.socket], seconds: float) -> None:
        """Wait for others for so many seconds."""
        self.place, self.others, self.seconds = place, dict(sorted(others.items())), seconds
        self.close = finalize(self, _close, list(others.values()))
        _open.add(self)

    def exchange(self, message: bytes) -> list[bytes]:
        """Let each process have the messages of all, which are of one length; raises OSError if one has left."""
        for other in self.others.values():
            other.sendall(message)
        found = {place: _received(other, len(message), self.seconds) for place, other in self.others.items()}
        return [found.get(place, message) for place in range(len(found) + 1)]


_open: WeakSet[Sockets] = WeakSet()


def connected(place: int, count: int, seconds: float, tell: Tell) -> Sockets | None:
    """Connect each process to each other; None where that cannot be, as on several machines. All call at once."""
    if count > MOST_PROCESSES:
        return None
    with TemporaryDirectory(prefix="thalweg-", ignore_cleanup_errors=True) as folder:
        address = str(Path(folder) / "door")
        door = _door(address)
        called = _called(place, tell(address)[:place])
        is_possible = door is not None and called is not None
        if all(tell(is_possible)):
            return Sockets(place, called | _callers(door, count - 1 - place), seconds)  # type: ignore[arg-type, operator]
        _close([*(called or {}).values(), *([door] if door else [])])
    return None


def _door(address: str) -> socket.socket | None:
    """Open a socket that others can call, if the system has such. It is in a folder of this user's alone."""
    with suppress(AttributeError, OSError):
        door = socket.socket(socket.AF_UNIX)
        door.bind(address)
        door.listen(MOST_PROCESSES)
        return door
    return None


def _called(place: int, addresses: Sequence[str]) -> dict[int, socket.socket] | None:
    """Call the processes before this one, and say who calls; None if one is not there."""
    found: dict[int, socket.socket] = {}
    try:
        for other, address in enumerate(addresses):
            found[other] = socket.socket(socket.AF_UNIX)
            found[other].connect(address)
            found[other].sendall(bytes([place]))
            found[other].setblocking(False)
    except (AttributeError, OSError):
        _close(found.values())
        return None
    return found


def _callers(door: socket.socket, count: int) -> dict[int, socket.socket]:
    """Let in the processes after this one, all of which have called."""
    found = {}
    with door:
        for _ in range(count):
            caller, _ = door.accept()
            found[caller.recv(1)[0]] = caller
            caller.setblocking(False)
    return found


def _received(other: socket.socket, size: int, seconds: float) -> bytes:
    """Wait for a message, awake at first."""
    found = b""
    while len(found) < size:
        piece = _piece(other, size - len(found), seconds)
        if not piece:
            raise ConnectionError("a process has closed its connection")
        found += piece
    return found


def _piece(other: socket.socket, size: int, seconds: float) -> bytes:
    """Give what has come; raises TimeoutError if nothing comes in so many seconds."""
    until = perf_counter() + AWAKE
    while perf_counter() < until:
        with suppress(BlockingIOError):
            return other.recv(size)
    other.settimeout(seconds)
    try:
        return other.recv(size)
    finally:
        other.setblocking(False)


def _close(sockets: Any) -> None:
    for each in sockets:
        each.close()


def _close_all() -> None:
    """A forked process has no part in it: while it had the sockets, nobody would miss its parent."""
    for each in list(_open):
        each.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
