"""What follows along a valley whose largest number is held: L-BFGS within a box."""

from __future__ import annotations

from torch import Tensor

from ..directions.limited_memory import LimitedMemory
from ..function.bounds import Box
from ..search import search_named
from .line_search import LineSearch


def following(box: Box, lengths: Tensor) -> LineSearch:
    """Return a method that begins within a box, and measures each number in its length."""
    method = LineSearch(LimitedMemory(20), search_named("hager_zhang", 0.7))
    method.box, method.scale = box, lengths
    return method
