"""From a module's text to functions. Triton reads the source of what it compiles, so the text stands in a file."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from ...on_disk.cache import directory
from ...on_disk.folder import Folder, opened


def imported(text: str, name: str) -> ModuleType:
    """Make a module of a text, in a file of that name in the cache directory."""
    path = _written(text, f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}.py")
    module = ModuleType(f"{__package__}.rendered.{path.stem}")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module


def _written(text: str, name: str) -> Path:
    """Find the file with this text, or write it: into the cache, or where that cannot be, into a folder of our own."""
    with suppress(OSError, RuntimeError), opened(directory()) as outer, outer.inner("triton") as folder:
        return _placed(folder, name, text)
    with opened(_own_folder()) as folder:
        return _placed(folder, name, text)


def _placed(folder: Folder, name: str, text: str) -> Path:
    """Put a file in place, unless the very same is there."""
    content = text.encode()
    return folder.path / name if folder.read(name) == content else folder.write(name, content)


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="thalweg-"))
