"""A batch in pieces: rows are cut by sizes, and by how many threads torch has."""

from __future__ import annotations

import torch


def slices(count: int, size: int) -> list[slice]:
    """Return rows in pieces of a size, at least one piece."""
    return [slice(first, min(first + size, count)) for first in range(0, max(count, 1), size)]


def equal_slices(count: int, fewest: int, most: int) -> list[slice]:
    """Return rows in pieces of one size, as many for each thread; all pieces but the last have at least `fewest`."""
    threads = torch.get_num_threads()
    rounds = max(1, -(-count // (threads * most)))
    return slices(count, min(most, max(fewest, -(-count // (threads * rounds)))))
