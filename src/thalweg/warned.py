"""Warnings that point at the program's own line, from however deep in the package they come."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

import torch

INSIDE = (*(os.path.join(os.path.dirname(file), "") for file in (__file__, torch.__file__)), contextlib.__file__)
"""Where frames are passed over: the package's own, and those that decorators of torch and Python put between."""


def warn(message: str) -> None:
    """Warn of what is no error at the first line outside the package."""
    warnings.warn(message, RuntimeWarning, level_outside())


def level_outside() -> int:
    """Return how many frames above `warn` the program's own line is."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame, level = frame.f_back, level + 1
    return level
