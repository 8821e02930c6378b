"""What cannot be written to disk is told in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(what: str | Path, advice: str) -> Iterator[None]:
    """Let an OSError name what was to be written, why it cannot be, and what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise type(error)(f"cannot write {what} ({why}): {advice}") from error
