"""From a module's text to functions: compiled if it must be, from disk if it can be."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...on_disk import cache
from . import image
from .effort import LOOPS, Effort
from .target import target

BLOCK, OBJECT = b"block:", b"object:"

# LLVM's compilations share what is not safe in threads; a fork waits, so that no child finds the lock held for ever.
_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


def load(text: str, names: Sequence[str], effort: Effort = LOOPS) -> Any:
    """Return what maps the names of a module's functions to their addresses, and keeps the code alive."""
    with _one_at_a_time:
        code = cache.remembered(f"{target()} {effort}\n{text}", lambda: build(text, names, effort))
        return _brought_to_life(code, names)


_known: dict[str, Any] = {}
"""Modules that are alive, by their text without a formula's names."""

OWN_NAME = re.compile(r"[%@][\w.]*\$[\w.\-]+")
"""What is named as in a formula."""


def alike(text: str, names: Sequence[str]) -> Any:
    """Do the same for a kernel; those that differ in names alone are one: passes that are repeated, or take turns."""
    numbers: dict[str, str] = {}
    plain = OWN_NAME.sub(lambda found: numbers.setdefault(found[0], f"{found[0][0]}own.{len(numbers)}"), text)
    with _one_at_a_time:
        if plain not in _known:
            _known[plain] = load(plain, names)
        return _known[plain]


_shared: dict[str, Any] = {}
"""Functions that all kernels call, by name: compiled once, and alive as long as the process."""


def shared(name: str, write: Callable[[], str], effort: Effort = LOOPS) -> int:
    """Return the address of a function that all kernels call; `write` gives the module that defines it."""
    with _one_at_a_time:
        if name not in _shared:
            _shared[name] = load(write(), (name,), effort)
        return int(_shared[name][name])


def _brought_to_life(code: bytes, names: Sequence[str]) -> Any:
    if code.startswith(BLOCK):
        return image.Code(code.removeprefix(BLOCK), names)
    from .compile import link

    return link(code.removeprefix(OBJECT), names)


def build(text: str, names: Sequence[str], effort: Effort = LOOPS) -> bytes:
    """Compile a module, to a block that needs no LLVM if this machine's object files can be made one."""
    # Only now is LLVM needed, and imported.
    from .compile import compiled

    code = compiled(text, effort)
    try:
        return BLOCK + image.image(code, names)
    except ValueError:
        return OBJECT + code
