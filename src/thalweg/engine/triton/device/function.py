"""A function that Triton compiles, and the handle that launches it: nothing is looked up from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..available import interprets
from .cuda_driver import DriverLaunch, launch_of
from .device import current
from .rounding import exact


class Function:
    """One function for one kind of device; its first argument says whether the step is left out."""

    def __init__(
        self, jit: Any, arguments: Sequence[Any], constants: Mapping[str, Any], warps: int, device: torch.device
    ) -> None:
        """Compile and load it now, and not in the first step: of `arguments`, dtypes stand for tables."""
        self.jit, self.constants = jit, constants
        self.handle: Any = None
        self.is_tried = False
        """True once a device has taken a launch of it."""
        if not interprets():
            with current(device):
                self.handle = jit.warmup(*arguments, **constants, **exact(device), num_warps=warps, grid=(1,))
                # Triton loads it onto the device that is current when a launch is first asked for.
                self.launcher(1)

    def launcher(self, programs: int) -> Callable[..., Any]:
        """Give what launches so many programs, through Triton."""
        launcher: Callable[..., Any] = self.handle[(programs, 1, 1)]
        return launcher

    def bound(self, programs: int, *arguments: Any) -> Bound:
        """Prepare a launch of so many programs.

        The tables are given by their addresses: whoever has the launch keeps them.
        """
        return Bound(self, programs, arguments)


class Bound:
    """A launch with all that it needs, but for the tensor that may leave the step out."""

    def __init__(self, function: Function, programs: int, arguments: Sequence[Any]) -> None:
        self.function, self.handle, self.programs = function, function.handle, programs
        words = [item.data_ptr() if isinstance(item, Tensor) else item for item in arguments]
        self.words = [*words, *function.constants.values()]
        if self.handle is None:
            self.run: Callable[[Tensor], Any] = partial(self._interpret, function, arguments)
        else:
            start = function.launcher(programs)
            self.run = lambda flag: start(flag.data_ptr(), *self.words)

    def _interpret(self, function: Function, arguments: Sequence[Any], flag: Tensor) -> None:
        function.jit[(self.programs,)](flag, *arguments, **function.constants)

    def __call__(self, flag: Tensor) -> None:
        """Launch it through Triton."""
        if self.programs:
            self.run(flag)

    def try_out(self, flag: Tensor) -> None:
        """Launch it if its function never was; `flag` leaves the step out, so that nothing changes."""
        if self.handle is not None and self.programs and not self.function.is_tried:
            self.run(flag)
            self.function.is_tried = True

    def for_driver(self, flag: Tensor, stream: int) -> DriverLaunch | None:
        """Prepare the same launch for the driver itself, on a stream; None where only Triton can launch it."""
        if self.handle is None or not self.programs:
            return None
        return launch_of(self.handle, self.programs, [flag.data_ptr(), *self.words], stream)
