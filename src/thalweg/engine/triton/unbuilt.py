"""A kernel that is compiled when it is first needed, maybe long after the first step, and cannot be."""

from __future__ import annotations

from typing import Any

from ...described import on_one_line


class UnbuiltError(RuntimeError):
    """Raised before anything changes; `key` says of which program and dtypes, for which device, the kernel was."""

    def __init__(self, key: Any, error: Exception) -> None:
        super().__init__(f"no kernel could be built: {on_one_line(error)}")
        self.key = key
