"""A kernel that cannot be compiled when it is first needed, maybe long after the first step, or cannot be launched."""

from __future__ import annotations

from typing import Any

from ...described import on_one_line


class UnbuiltError(RuntimeError):
    """Raised before anything changes; `key` says of which program and dtypes, for which device, the kernel was."""

    def __init__(self, kernel: Any, error: Exception, done: str = "built") -> None:
        super().__init__(f"no kernel could be {done}: {on_one_line(error)}")
        self.key = kernel.program, tuple(kernel.dtypes.items()), "triton", kernel.device
