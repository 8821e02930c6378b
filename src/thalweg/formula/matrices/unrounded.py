"""Steps within `torch.autocast`, which rounds what goes into products: what they calculate is not rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

KINDS = ("cpu", "cuda")
"""The devices whose autocast is looked at."""


def is_rounding() -> bool:
    """Tell if some autocast is on."""
    return any(map(torch.is_autocast_enabled, KINDS))


@contextmanager
def unrounded() -> Iterator[None]:
    """Switch autocast off for a while: a trainer may step within it."""
    with ExitStack() as stack:
        for kind in filter(torch.is_autocast_enabled, KINDS):
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def as_around(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that runs in the autocast that is on now, whatever is on where it is called."""
    for kind in filter(torch.is_autocast_enabled, KINDS):
        function = torch.autocast(kind, torch.get_autocast_dtype(kind))(function)
    return function
