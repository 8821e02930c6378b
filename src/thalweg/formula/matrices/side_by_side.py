"""Pieces of a work side by side on torch's threads, in each of which torch has one: so bits do not go by threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


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
        pool = _pool(threads, os.getpid())
        return [done.result() for done in [pool.submit(copy_context().run, work, piece) for piece in pieces]]


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Keep threads, and their memory; what a process had before it was forked is of no use to its child.

    They ask for torch's number when they begin: or else they would let oneDNN have as many as there are cores.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="thalweg", initializer=torch.get_num_threads)


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let torch compute on one thread where it had several; yield how many."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield 1
        return
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
