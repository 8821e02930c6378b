"""Torch's dispatch modes: whoever is shown each operation of torch is shown those of a step, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

SHOWN = "a dispatch mode is on, which is shown each operation of torch"
"""Why no kernel is used then: a graph that is traced would lack the step, and a mode may compute in its own way."""


def modes_around(optimizer: Any) -> Callable[[], int]:
    """Return what counts the modes that are to see all that a step does.

    Shards are no tensors that somebody could trace: there, a mode may count messages, which are those of any step.
    """
    return int if hasattr(optimizer, "_is_local") else torch._C._len_torch_dispatch_stack


def why_shown(optimizer: Any) -> str | None:
    """Say why a step is left to torch's own operations; None if nobody is shown them."""
    return SHOWN if modes_around(optimizer)() else None
