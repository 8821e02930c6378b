"""Interrupts from the keyboard that wait while Python changes several things that belong together."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
import threading
from collections.abc import Callable
from typing import Any

SET_HANDLER: Callable[..., Any] = _signal.signal
GET_HANDLER: Callable[..., Any] = _signal.getsignal
"""C's own functions, without what makes enumerations of numbers: that would take as long as a launch."""

SIGINT = int(signal.SIGINT)


class InterruptsWaiting:
    """Within it, an interrupt from the keyboard waits, and is answered afterwards.

    A generator would say it in fewer lines, and take as long as a launch.
    """

    __slots__ = ("came", "handler")

    def __enter__(self) -> None:
        """Put off interrupts; no other thread than the main one gets any."""
        self.came: list[Any] = []
        # A handler that is None was put there by a library in C, and could not be put back.
        self.handler = GET_HANDLER(SIGINT) if threading.current_thread() is threading.main_thread() else None
        if self.handler is not None:
            SET_HANDLER(SIGINT, self._note)

    def _note(self, *arguments: Any) -> None:
        self.came.append(arguments)

    def __exit__(self, *_: object) -> None:
        """Answer the first of those that came."""
        if self.handler is None:
            return
        SET_HANDLER(SIGINT, self.handler)
        if self.came and callable(self.handler):
            self.handler(*self.came[0])
