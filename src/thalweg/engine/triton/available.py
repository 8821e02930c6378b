"""Whether Triton can be used, and on which devices."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from ...described import on_one_line

DEVICES = ("cuda", "xpu")
"""Kinds of devices that Triton has kernels for; torch says cuda for ROCm too."""

OLDEST = (3, 6)
"""Before, quotients and square roots lost denormal numbers."""


@cache
def why_not() -> str | None:
    """Say why Triton cannot be used; None if it can."""
    try:
        import triton

        # A folder that happens to be called triton can be imported, too, and has no version.
        version = str(triton.__version__)
    except Exception as error:
        return f"Triton is missing ({on_one_line(error)}): pip install triton"
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    oldest = ".".join(map(str, OLDEST))
    return f"Triton {version} is too old: install {oldest} or newer" if found < OLDEST else None


@cache
def interprets() -> bool:
    """Tell if kernels are run by Triton's interpreter, on the CPU: TRITON_INTERPRET=1 before the first import."""
    if why_not():
        return False
    import triton

    return bool(triton.knobs.runtime.interpret)


def quiet() -> AbstractContextManager[Any]:
    """Let the interpreter divide by zero and overflow as devices do, without NumPy's warnings."""
    return np.errstate(all="ignore") if interprets() else nullcontext()


def runs_on(device: str) -> bool:
    """Tell if there are kernels for a kind of device."""
    return device in DEVICES or (device == "cpu" and interprets())
