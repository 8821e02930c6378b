"""A table on a device, filled by asynchronous copies from pinned memory of the host, and only when it changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import device as devices

STAGES = 8
"""Copies that may be under way at once."""


class Stage:
    """A piece of pinned memory, and the event after which it may be used again."""

    def __init__(self, memory: Tensor, device: torch.device) -> None:
        self.memory = memory
        self.values = memory.numpy()
        self.copied = None if device.type == "cpu" else torch.Event(device.type)

    def copy(self, values: Any, table: Tensor) -> None:
        """Send values on their way."""
        self.values[:] = values
        table.copy_(self.memory, non_blocking=True)

    def note(self) -> None:
        """Note that the copy is under way."""
        if self.copied is not None:
            self.copied.record()

    def wait(self) -> None:
        """Wait until the last copy from here is done: it is, unless the host is many steps ahead."""
        if self.copied is not None:
            self.copied.synchronize()


class Mirror:
    """Words of 8 bytes that the host writes, and the device's copy of them."""

    def __init__(self, words: int, device: torch.device) -> None:
        self.device = device
        self.host = np.zeros(words, np.int64)
        self.table = torch.zeros(words, dtype=torch.int64, device=device)
        self.sent: bytes | None = None
        self.stages: list[Stage] = []
        self.captured: list[Stage] = []
        """Those that a CUDA graph copies from whenever it is replayed: they keep their values for ever."""
        self._provide()

    def _provide(self) -> None:
        """Pin memory ahead: while a graph is captured there is no way to."""
        missing = STAGES - len(self.stages)
        if missing and len(self.host):
            is_pinned, shape = self.device.type != "cpu", (missing, len(self.host))
            pinned = torch.zeros(shape, dtype=torch.int64, device="cpu", pin_memory=is_pinned)
            self.stages += [Stage(memory, self.device) for memory in pinned]

    def send(self, again: bool = False) -> None:
        """Bring the device's copy up to date; `again` says that it was, a moment ago."""
        words = self.host.tobytes()
        is_known = words == self.sent
        # A replayed graph may have put back its own values, and must put them back itself.
        is_ours = again or not (self.captured or devices.is_capturing())
        if is_known and is_ours:
            return
        if devices.is_capturing():
            self._capture()
        else:
            self._send()
        self.sent = words

    def _send(self) -> None:
        self._provide()
        stage = self.stages.pop(0) if self.stages else None
        if stage is not None:
            stage.wait()
            stage.copy(self.host, self.table)
            stage.note()
            self.stages.append(stage)

    def _capture(self) -> None:
        if len(self.host):
            if not self.stages:
                raise RuntimeError(
                    f"a CUDA graph can capture {STAGES} steps at most between two that are taken outside of captures, "
                    "but more were captured: take a step before capturing more"
                )
            self.captured.append(self.stages.pop(0))
            self.captured[-1].copy(self.host, self.table)
