"""Numbers that processes of one machine reduce by sockets, and those of several by a collective of torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np
import torch
import torch.distributed as dist

from .sockets import MOST_BYTES, Sockets, Tell, connected


class Reduction(NamedTuple):
    """What is made of the numbers of all processes: in torch's words, and in NumPy's."""

    collective: Any
    pair: Any


SUM, LARGEST = Reduction(dist.ReduceOp.SUM, np.add), Reduction(dist.ReduceOp.MAX, np.maximum)

_known: WeakKeyDictionary[Any, dict[tuple[int, ...], Sockets | None]] = WeakKeyDictionary()
"""The connections of some processes, for as long as torch's process group lives."""


def no_sockets() -> None:
    """What stands for the sockets of processes that have none."""


def meet(ranks: Sequence[int], tell: Tell) -> Callable[[], Sockets | None]:
    """Connect processes, if they have not met yet: all of them call this at the same time."""
    known, key = _known.setdefault(dist.group.WORLD, {}), tuple(ranks)
    if key not in known:
        known[key] = connected(ranks.index(dist.get_rank()), len(ranks), seconds(), tell)
    found = known[key]
    return ref(found) if found else no_sockets


def reduced(message: Any, how: Reduction, sockets: Sockets) -> Any:
    """Reduce an array of all processes, in their order; raises OSError if one has left."""
    first, *others = (np.frombuffer(each, message.dtype) for each in sockets.exchange(message.tobytes()))
    result = first.copy()
    for other in others:
        how.pair(result, other, out=result)
    return result


def is_short(message: Any) -> bool:
    """Tell if sockets can take in an array before anybody reads it."""
    return bool(message.nbytes <= MOST_BYTES)


def seconds() -> float:
    """Say how long processes wait for each other: the timeout of init_process_group."""
    world: Any = dist.group.WORLD
    options = getattr(world._get_backend(torch.device("cpu")), "options", None)
    timeout = getattr(options, "_timeout", dist.default_pg_timeout)
    return float(timeout.total_seconds())
