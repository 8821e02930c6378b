"""A folder that nobody else writes to: each of its files is opened once, and the open file is asked what it is."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...warned import warn

LARGEST = 1 << 24
"""Bytes that a file may have; what is kept has a hundredth of them."""

UNFINISHED = ".new-"
"""How the names of files begin that are being written."""

ABANDONED_AFTER = 60.0
"""Seconds; a file is written in milliseconds, so the writer of an older one was killed."""

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_told: set[Path] = set()
"""The directories that cannot be trusted: told once."""


@dataclass(frozen=True)
class Folder:
    """An open directory; its files are found from it, and not by its path, which may lead elsewhere by then."""

    path: Path
    descriptor: int | None
    """None where directories cannot be opened, as on Windows: there the path has to do."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a plain file of this user's; None if there is none.

        No link is followed, and nothing that blocks or has no end is waited for.
        """
        flags = _flags("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
        try:
            file = os.open(self._place(name), flags, dir_fd=self.descriptor)
        except OSError:
            return None
        try:
            status = os.fstat(file)
            if not (stat.S_ISREG(status.st_mode) and is_own(status) and status.st_size <= LARGEST):
                return None
            with open(file, "rb", closefd=False) as opened:
                return opened.read(LARGEST)
        finally:
            os.close(file)

    def write(self, name: str, content: bytes) -> Path:
        """Put a file in place at once, so that no other process sees half of it; return where it is.

        Raises OSError if it cannot be written; then nothing is left of it.
        """
        self._clear()
        new, where = self._place(UNFINISHED + secrets.token_hex(8)), self.descriptor
        flags = _flags("O_WRONLY", "O_CREAT", "O_EXCL", "O_CLOEXEC", "O_BINARY")
        file = os.open(new, flags, 0o600, dir_fd=where)
        try:
            with open(file, "wb") as opened:
                opened.write(content)
            os.replace(new, self._place(name), src_dir_fd=where, dst_dir_fd=where)
        except BaseException:
            with suppress(OSError):
                os.unlink(new, dir_fd=where)
            raise
        return self.path / name

    @contextmanager
    def inner(self, name: str) -> Iterator[Folder]:
        """Open a folder in this one, making it if need be; raises OSError for one that is not this user's own."""
        with suppress(FileExistsError):
            os.mkdir(self._place(name), 0o700, dir_fd=self.descriptor)
        if self.descriptor is None:
            yield Folder(self.path / name, None)
            return
        descriptor = self._own_directory(name, self.descriptor)
        try:
            yield Folder(self.path / name, descriptor)
        finally:
            os.close(descriptor)

    def _own_directory(self, name: str, within: int) -> int:
        """Open a directory of this user's; raises OSError, and a warning says so, for what others have put there."""
        descriptor = -1
        try:
            descriptor = os.open(name, _flags("O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"), dir_fd=within)
            if not is_own(os.fstat(descriptor)):
                raise PermissionError(f"{self.path / name} is not this user's own")
        except OSError:
            if descriptor >= 0:
                os.close(descriptor)
            _tell(self.path / name, "it is not this user's own")
            raise
        return descriptor

    def _place(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)

    def _clear(self) -> None:
        """Remove what killed processes have left."""
        oldest = time.time() - ABANDONED_AFTER
        with os.scandir(self.path if self.descriptor is None else self.descriptor) as entries:
            unfinished = [entry for entry in entries if entry.name.startswith(UNFINISHED)]
            for entry in unfinished:
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(self._place(entry.name), dir_fd=self.descriptor)


@contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """Open a directory, making it if need be; in one that is not this user's alone, a folder of the user's own.

    A warning says so once, unless the directory is meant for many users, as /tmp is: there nobody can take away what is
    another's. Raises OSError if there is no such folder, and none can be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _have_owners():
        yield Folder(path, None)
        return
    descriptor = os.open(path, _flags("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"))
    try:
        folder, status = Folder(path, descriptor), os.fstat(descriptor)
        if is_own(status):
            yield folder
            return
        if not status.st_mode & stat.S_ISVTX:
            _tell(path, _why_not_own(status))
        with folder.inner(f"thalweg-{os.getuid()}") as own:
            yield own
    finally:
        os.close(descriptor)


def is_own(status: os.stat_result) -> bool:
    """Tell if something belongs to this user, and nobody else can write to it; where nothing has owners, all does."""
    return not _have_owners() or (status.st_uid == os.getuid() and not status.st_mode & OTHERS_WRITE)


def _why_not_own(status: os.stat_result) -> str:
    return "other users can write to it" if status.st_uid == os.getuid() else "it belongs to another user"


def _have_owners() -> bool:
    return hasattr(os, "getuid")


def _tell(path: Path, why: str) -> None:
    """Say once that nothing in a directory is believed, and why."""
    if path in _told:
        return
    _told.add(path)
    warn(
        f"compiled code is not kept in {path} itself, as {why}: set THALWEG_CACHE to a directory of your own, which "
        "nobody else can write to (chmod go-w)",
    )


def _flags(*names: str) -> int:
    """Put together those flags that this platform has."""
    return sum(getattr(os, name, 0) for name in names)
