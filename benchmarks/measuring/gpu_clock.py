"""How long a GPU takes, by its own events, and how long the host takes to give it the work."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

Step = Callable[[], object]

AHEAD = 30_000_000
"""Clock ticks that the device is kept waiting, some 17 ms: the host is ahead when the first kernel starts."""


class Clock:
    """Times work on a device by its events; on the CPU, where it only tries scripts, by the wall and once."""

    def __init__(self, device: str) -> None:
        self.module = None if device == "cpu" else torch.get_device_module(device)

    def device(self, step: Step, repeats: int = 3, rounds: int = 7) -> float:
        """Give the microseconds that the device takes for a step: several between two events, the median of rounds."""
        if self.module is None:
            return self.host(step, 1)
        for _ in range(3):
            step()
        self.wait()
        return median(self._round(step, repeats) for _ in range(rounds))

    def _round(self, step: Step, repeats: int) -> float:
        before, after = self.module.Event(enable_timing=True), self.module.Event(enable_timing=True)  # type: ignore[union-attr]
        torch.cuda._sleep(AHEAD)
        before.record()
        for _ in range(repeats):
            step()
        after.record()
        after.synchronize()
        return 1e3 * float(before.elapsed_time(after)) / repeats

    def host(self, step: Step, repeats: int = 20) -> float:
        """Give the microseconds that the host takes to have a step done."""
        repeats = 1 if self.module is None else repeats
        self.wait()
        start = perf_counter()
        for _ in range(repeats):
            step()
        taken = 1e6 * (perf_counter() - start) / repeats
        self.wait()
        return taken

    def wait(self) -> None:
        """Wait until all is done."""
        if self.module is not None:
            self.module.synchronize()
