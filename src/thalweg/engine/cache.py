"""Compiled code on disk: one file a kernel, in the user's cache directory, never trusted without its checksum."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MAGIC = b"thalweg kernel 1\n"


def directory() -> Path:
    """Where compiled code is kept: THALWEG_CACHE, or the platform's place for caches."""
    if os.environ.get("THALWEG_CACHE"):
        return Path(os.environ["THALWEG_CACHE"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "thalweg"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "thalweg"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thalweg"


def remembered(key: str, make: Callable[[], bytes]) -> bytes:
    """Return what was kept under a key, or make it and keep it; a damaged or foreign file is made anew."""
    try:
        path = directory() / hashlib.sha256(key.encode()).hexdigest()
    except RuntimeError:  # as pathlib says where a user has no home
        return make()
    kept = read(path)
    if kept is not None:
        return kept
    made = make()
    # A cache that cannot be written is no reason to fail.
    with suppress(OSError):
        write(path, made)
    return made


def read(path: Path) -> bytes | None:
    """Return a file's content if it is whole, ours, and nobody else could have put it there."""
    try:
        data = path.read_bytes()
        foreign = hasattr(os, "getuid") and path.stat().st_uid != os.getuid()
    except OSError:
        return None
    head, digest, content = data[: len(MAGIC)], data[len(MAGIC) : len(MAGIC) + 32], data[len(MAGIC) + 32 :]
    whole = head == MAGIC and digest == hashlib.sha256(content).digest()
    return content if whole and not foreign else None


def write(path: Path, content: bytes) -> None:
    """Put a file in place at once, so that no other process sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(content).digest() + content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
