"""What is said where a process waits for others, and one of them does not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class LeftError(RuntimeError):
    """Raised where another process has left, or is late."""


def waited_for(what: str, call: Callable[[], T], who: str = "this process") -> T:
    """Make a call that waits for other processes; `what` is a phrase that says what for, and of whom.

    Raises LeftError if one of them has left, or if the timeout of the process group has passed.
    """
    try:
        return call()
    except RuntimeError as error:
        raise LeftError(
            f"{who} waited for {what}, but one of them left, or did not come within the timeout of "
            "init_process_group: start all processes anew, from the last checkpoint"
        ) from error
