"""From a module's text to functions: compiled if it must be, from disk if it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import cache
from . import image
from .target import target

BLOCK, OBJECT = b"block:", b"object:"


def load(text: str, names: Sequence[str]) -> Any:
    """Return what maps the names of a module's functions to their addresses, and keeps the code alive."""
    code = cache.remembered(f"{target()}\n{text}", lambda: build(text, names))
    if code.startswith(BLOCK):
        return image.Code(code.removeprefix(BLOCK), names)
    from .compile import link

    return link(code.removeprefix(OBJECT), names)


def build(text: str, names: Sequence[str]) -> bytes:
    """Compile a module, to a block that needs no LLVM if this machine's object files can be made one."""
    # Only now is LLVM needed, and imported.
    from .compile import compiled

    code = compiled(text)
    try:
        return BLOCK + image.image(code, names)
    except ValueError:
        return OBJECT + code
