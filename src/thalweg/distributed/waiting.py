"""Waiting for other processes, and what is said where one of them does not come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


class LeftError(RuntimeError):
    """Raised where another process has left, or is late."""


def waited_for(what: str, call: Callable[[], T], who: str = "this process") -> T:
    """Make a call that waits for other processes; `what` is a phrase that says what for, and of whom.

    Raises LeftError if one of them has left, or if the timeout of the process group has passed.
    """
    try:
        return call()
    except (RuntimeError, OSError) as error:
        raise LeftError(
            f"{who} waited for {what}, but one of them left, or did not take part within the timeout of "
            "init_process_group: start all processes anew, from the last checkpoint and with the same options"
        ) from error


@dataclass
class Transfer:
    """A message between all processes that is under way."""

    work: Any
    received: Tensor
    words: str

    def wait(self) -> Tensor:
        """Wait for it, and give what has arrived; raises LeftError that names it if a process has left, or is late."""
        waited_for(self.words, self.work.wait)
        return self.received
