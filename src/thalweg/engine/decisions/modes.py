"""Torch's dispatch modes: whoever is shown each operation of torch is shown those of a step, too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from .rules import is_measured

SHOWN = "a dispatch mode is on, which is shown each operation of torch"
"""Why no kernel is used then: a graph that is traced would lack the step, and a mode may compute in its own way."""

TRACING = "torch.fx.experimental.proxy_tensor"
"""torch's module that traces graphs: where nobody has imported it, nobody does."""


def modes_around(optimizer: Any) -> Callable[[], int]:
    """Return what counts the modes that are to see all that a step does.

    Shards are no tensors that somebody could trace: there, a mode may count messages, which are those of any step.
    """
    return _none if hasattr(optimizer, "_is_local") else torch._C._len_torch_dispatch_stack


def why_shown(optimizer: Any) -> str | None:
    """Say why a step is left to torch's own operations; None if nobody is shown them."""
    return SHOWN if modes_around(optimizer)() else None


def refuse_traced(optimizer: Any) -> None:
    """Raise RuntimeError where a graph is traced of a step that Python decides about: the graph would keep today's."""
    if not (TRACING in sys.modules and sys.modules[TRACING].get_proxy_mode()):
        return
    decided = next(_decided(optimizer), None)
    if decided:
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot be traced into a graph with {decided}, which decides in each step "
            "anew, while a graph repeats what was decided once: leave it out, or step outside of the graph"
        )


def _decided(optimizer: Any) -> Iterator[str]:
    """Name what numbers that Python reads decide about."""
    idle = {"max_grad_norm": None, "skip_nonfinite": False, "accumulate": 1}
    for group in optimizer.param_groups:
        yield from (f"{name}={group[name]!r}" for name, value in idle.items() if group[name] != value)
    if optimizer._step_numbers:
        yield "a GradScaler"
    if is_measured(optimizer):
        yield "a sum over all gradients"


def _none() -> int:
    return 0
