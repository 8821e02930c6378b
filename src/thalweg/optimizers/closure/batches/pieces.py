"""A batch in pieces, which are solved side by side on torch's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def slices(count: int, size: int) -> list[slice]:
    """Return rows in pieces of a size, at least one piece."""
    return [slice(first, min(first + size, count)) for first in range(0, max(count, 1), size)]


def equal_slices(count: int, fewest: int, most: int) -> list[slice]:
    """Return rows in pieces of one size, as many for each thread; all pieces but the last have at least `fewest`."""
    threads = torch.get_num_threads()
    rounds = max(1, -(-count // (threads * most)))
    return slices(count, min(most, max(fewest, -(-count // (threads * rounds)))))


def side_by_side(work: Callable[[Piece], Answer], pieces: Sequence[Piece], device: torch.device) -> list[Answer]:
    """Return what `work` makes of each piece, in their order.

    Pieces on the CPU are shared out to as many threads as torch has, and in each of them torch has one: so no operation
    waits for threads that others are using, and no row is cut where two threads meet.
    """
    if device.type != "cpu":
        return [work(piece) for piece in pieces]
    with one_thread_each() as threads:
        if len(pieces) == 1 or threads == 1 or is_watched():
            return [work(piece) for piece in pieces]
        with ThreadPoolExecutor(min(threads, len(pieces)), thread_name_prefix="thalweg") as pool:
            return [done.result() for done in [pool.submit(copy_context().run, work, piece) for piece in pieces]]


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let torch compute on one thread where it had several; yield how many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def is_watched() -> bool:
    """Tell if something goes on around torch's operations that another thread would not know of."""
    return bool(
        torch._C._len_torch_function_stack()
        or torch._C._len_torch_dispatch_stack()
        or torch.is_autocast_enabled("cpu")
        or torch.is_inference_mode_enabled()
    )
