"""Compiled code on disk: one file a kernel, in the user's cache directory, bound to its key by a checksum."""

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .folder import opened

MAGIC = b"thalweg kernel 2\n"


def directory() -> Path:
    """Where compiled code is kept: THALWEG_CACHE, or the platform's place for caches."""
    if os.environ.get("THALWEG_CACHE"):
        # Triton reads its sources again, from wherever the process has gone meanwhile.
        return Path(os.environ["THALWEG_CACHE"]).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "thalweg"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "thalweg"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # A relative one is to be ignored, says freedesktop.org's base directory specification.
    return (named if named.is_absolute() else Path.home() / ".cache") / "thalweg"


def remembered(key: str, make: Callable[[], bytes]) -> bytes:
    """Return what was kept under a key, or make it and keep it; a damaged or foreign file is made anew."""
    found = kept(key)
    if found is not None:
        return found
    made = make()
    keep(key, made)
    return made


def kept(key: str) -> bytes | None:
    """Return what is kept under a key, if anything is."""
    return read(_name(key))


def keep(key: str, made: bytes) -> None:
    """Keep something under a key."""
    write(_name(key), made)


def _name(key: str) -> str:
    """Name a file: those of other versions have other names, so that two versions do not replace each other's."""
    return hashlib.sha256(MAGIC + key.encode()).hexdigest()


def read(name: str) -> bytes | None:
    """Return a file's content if it is whole, this user's, and was written under this very name."""
    data = None
    # A cache that cannot be read is no reason to fail; pathlib's RuntimeError says that a user has no home.
    with suppress(OSError, RuntimeError), opened(directory()) as folder:
        data = folder.read(name)
    if data is None:
        return None
    head, digest, content = data[: len(MAGIC)], data[len(MAGIC) : len(MAGIC) + 32], data[len(MAGIC) + 32 :]
    return content if head == MAGIC and digest == _checksum(name, content) else None


def write(name: str, content: bytes) -> None:
    """Keep a file, if that is possible."""
    with suppress(OSError, RuntimeError), opened(directory()) as folder:
        folder.write(name, MAGIC + _checksum(name, content) + content)


def _checksum(name: str, content: bytes) -> bytes:
    """Bind content to its name: of two files that were exchanged, neither is believed."""
    return hashlib.sha256(name.encode() + content).digest()
