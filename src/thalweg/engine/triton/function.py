"""A function that Triton compiles, and the handle that launches it: nothing is looked up from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .available import interprets
from .device import current
from .settings import exact


class Function:
    """One function for one kind of device; its first argument says whether the step is left out."""

    def __init__(
        self, jit: Any, arguments: Sequence[Any], constants: Mapping[str, Any], warps: int, device: torch.device
    ) -> None:
        """Compile it now, and not in the first step: of `arguments`, dtypes stand for tables."""
        self.jit, self.constants = jit, constants
        self.handle: Any = None
        if not interprets():
            with current(device):
                self.handle = jit.warmup(*arguments, **constants, **exact(device), num_warps=warps, grid=(1,))

    def bound(self, programs: int, *arguments: Any) -> Callable[[Tensor], None]:
        """Prepare a launch of so many programs; what is returned takes the tensor that may leave the step out.

        The tables are given by their addresses: whoever has the launch keeps them.
        """
        if not programs:
            return lambda flag: None
        if self.handle is None:
            launch = self.jit[(programs,)]
            return lambda flag: launch(flag, *arguments, **self.constants)
        words = [item.data_ptr() if isinstance(item, Tensor) else item for item in arguments]
        words += self.constants.values()
        run = self.handle[(programs, 1, 1)]
        return lambda flag: run(flag.data_ptr(), *words)
