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
from .together import together

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
        code = cache.remembered(_key(text, effort), lambda: build(text, names, effort))
        return _brought_to_life(code, names)


def _key(text: str, effort: Effort) -> str:
    return f"{target()} {effort}\n{text}"


_known: dict[str, Any] = {}
"""Modules that are alive, by their text without a formula's names."""

OWN_NAME = re.compile(r"[%@][\w.]*\$[\w.\-]+")
"""What is named as in a formula."""


def alike(texts: Sequence[str], names: Sequence[str]) -> list[Any]:
    """Do the same for kernels; those that differ in names alone are one: passes that are repeated, or take turns."""
    plain = list(map(_plain, texts))
    with _one_at_a_time:
        found = {text: cache.kept(_key(text, LOOPS)) for text in plain if text not in _known}
        made = _built([text for text, code in found.items() if code is None], names)
        for text, code in made.items():
            cache.keep(_key(text, LOOPS), code)
        _known.update((text, _brought_to_life(code, names)) for text, code in (found | made).items() if code)
        return [_known[text] for text in plain]


def _plain(text: str) -> str:
    """Give a text without a formula's names."""
    numbers: dict[str, str] = {}
    return OWN_NAME.sub(lambda found: numbers.setdefault(found[0], f"{found[0][0]}own.{len(numbers)}"), text)


def _built(texts: Sequence[str], names: Sequence[str]) -> dict[str, bytes]:
    """Compile modules as one; each has a block of its own, which begins with the places of its functions."""
    if len(texts) < 2:
        return {text: build(text, names) for text in texts}
    # Only now is LLVM needed, and imported.
    from .compile import compiled

    joined, called = together(texts)
    code = compiled(joined)
    places = [[own[name] for name in names] for own in called]
    return {text: BLOCK + image.image(code, own) for text, own in zip(texts, places, strict=True)}


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
