"""Who may still read memory of the library's own when nothing here needs it any more: streams, and captured graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from . import device as devices

_captured: list[Any] = []
"""What a CUDA graph may read whenever it is replayed: kept for as long as the process lives."""


class Readers:
    """The streams that a launch has run on, and whether a graph has captured it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.is_captured = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the streams: tables that are made now are memory of the present one."""
        self.streams = {devices.stream_of(self.device)}

    def keep(self, tables: Callable[[], Iterable[Tensor]], others: Any) -> None:
        """Have tables, and what else they need, last until whoever runs the launch now has read them."""
        stream = devices.stream_of(self.device)
        if stream not in self.streams:
            self.streams.add(stream)
            for table in tables():
                table.record_stream(stream)
        if devices.is_capturing() and not self.is_captured:
            self.is_captured = True
            _captured.append(([*tables()], others))
