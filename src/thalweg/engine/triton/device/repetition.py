"""A step that is like the last one: its launches, prepared once for the device's driver."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from . import device as devices
from .cuda_driver import DriverLaunch, is_watched
from .function import Bound


class Repetition:
    """The launches of a step for the stream that the last one went to; none where only Triton can launch them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.asks_where = devices.asks_where(device)
        self.where: tuple[int, int] | None = None
        """The device that was current, and the stream, when they were prepared."""
        self.launches: list[DriverLaunch] = []

    def forget(self) -> None:
        """Have them prepared anew: tables stand elsewhere."""
        self.where, self.launches = None, []

    def prepare(self, bound: Iterable[Bound], flag: Tensor) -> None:
        """Prepare launches for where work goes now, unless they are; `flag` is what may leave the step out."""
        current, stream = where = self.asks_where()
        if where == self.where:
            return
        is_here = current == (self.device.index or 0)
        prepared = [launch.for_driver(flag, stream) for launch in bound] if is_here else [None]
        self.where, self.launches = where, [launch for launch in prepared if launch] if all(prepared) else []

    @property
    def is_possible(self) -> bool:
        """True if there are such launches, work still goes where they were prepared for, and Triton is not watched."""
        is_there = bool(self.launches) and self.asks_where() == self.where
        return is_there and not (devices.is_capturing() or is_watched())
