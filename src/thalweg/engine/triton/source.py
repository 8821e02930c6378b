"""From a module's text to functions. Triton reads the source of what it compiles, so the text stands in a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from ..cache import directory


def imported(text: str, name: str) -> ModuleType:
    """Make a module of a text, in a file of that name in the cache directory."""
    path = _written(text, f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}.py")
    module = ModuleType(f"{__package__}.rendered.{path.stem}")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module


def _written(text: str, name: str) -> Path:
    """Find the file with this text, or write it: into the cache, or where that cannot be, into a folder of our own."""
    with suppress(OSError, RuntimeError):
        return _placed(directory() / "triton" / name, text)
    return _placed(_own_folder() / name, text)


def _placed(path: Path, text: str) -> Path:
    """Put a file in place at once, unless the very same is there."""
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text() == text:
            return path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(new, path)
    return path


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="thalweg-"))
