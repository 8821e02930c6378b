"""What a launch asks of its device: which one is current, on which stream, and whether a CUDA graph is captured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch


@cache
def module_of(kind: str) -> Any:
    """Find torch's module for a kind of device, such as torch.cuda."""
    return torch.get_device_module(kind)


def current(device: torch.device) -> AbstractContextManager[Any]:
    """Make a device the current one; where it is already, that costs nothing."""
    if device.type == "cpu" or module_of(device.type).current_device() == device.index:
        return nullcontext()
    context: AbstractContextManager[Any] = module_of(device.type).device(device.index)
    return context


def stream_of(device: torch.device) -> Any:
    """Return the stream that work is now given to."""
    return None if device.type == "cpu" else module_of(device.type).current_stream(device)


def asks_where(device: torch.device) -> Callable[[], tuple[int, int]]:
    """Return what asks for the current device and for the address of the stream of one: each step does, so it is brief.

    Only CUDA's driver is given launches by their streams' addresses; elsewhere the answer is always the same.
    """
    if device.type != "cuda":
        return lambda: (0, 0)
    current, stream, index = torch._C._cuda_getDevice, torch._C._cuda_getCurrentRawStream, device.index
    return lambda: (current(), stream(index))


def is_capturing() -> bool:
    """Tell if what is launched is not run but captured, into a CUDA graph."""
    return bool(torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())  # type: ignore[no-untyped-call]


def name_of(device: torch.device) -> str:
    """Say what kind of device this is."""
    return "interpreter" if device.type == "cpu" else str(module_of(device.type).get_device_name(device))
