"""Which parameters a method may move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def may_move(group: Mapping[str, Any], param: Tensor) -> bool:
    """Return whether a parameter of a group has numbers, wants a gradient, and is not held by an lr of zero."""
    return param.requires_grad and param.numel() > 0 and float(group["lr"]) > 0
