"""What was got, in a few words and on one line: whatever it is, an error stays one sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

FEW, MOST = 40, 80
"""Characters that are shown of a value beside its type, and without it."""


def described(value: Any) -> str:
    """Say what a value is, with its type."""
    return _tensor(value) if isinstance(value, Tensor) else f"{type(value).__name__} {_shortened(value, FEW)}"


def shown(value: Any) -> str:
    """Write a value as Python does, where it is short; of a longer one, how it begins."""
    return _tensor(value) if isinstance(value, Tensor) and value.dim() else _shortened(value, MOST)


def kind_of(value: Any) -> str:
    """Say what kind of thing a value is; of a class, which one, as a class is often passed in place of its object."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def on_one_line(error: Exception) -> str:
    """Say what went wrong in somebody else's code: of many words, as a compiler's, how they begin and how they end."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 2 * MOST else f"{words[:MOST]} ... {words[-MOST:]}"


def counted(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _tensor(value: Tensor) -> str:
    where = "" if value.layout == torch.strided else f", {value.layout}"
    return f"a tensor of shape {tuple(value.shape)} ({value.dtype}{where}, on {value.device})"


def _shortened(value: Any, most: int) -> str:
    try:
        words = " ".join(repr(value).split())
    except Exception:  # A number of 5,000 digits, or somebody's own __repr__.
        return f"something of type {type(value).__name__}"
    return words if len(words) <= most else words[:most] + "..."
