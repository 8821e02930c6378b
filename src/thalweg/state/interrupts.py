"""Interrupts from the keyboard: they wait while several things change, and leave gradients switched on or off."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")

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


def keeping_grad_mode(function: Callable[P, T]) -> Callable[P, T]:
    """Let a call that fails leave gradients switched on or off as they were, and make no tensors for inference alone.

    A block that switches them may be interrupted on its way out, before it has switched them back. What is made in
    inference mode could not be written to outside, and what a step makes is kept.
    """

    @wraps(function)
    def kept(*args: P.args, **kwargs: P.kwargs) -> T:
        is_on = torch.is_grad_enabled()
        try:
            if torch.is_inference_mode_enabled():
                with torch.inference_mode(False), torch.no_grad():
                    return function(*args, **kwargs)
            return function(*args, **kwargs)
        except BaseException:
            torch.set_grad_enabled(is_on)
            raise

    return kept


def without_gradients(function: Callable[P, T]) -> Callable[P, T]:
    """Switch gradients off during a call, as torch.no_grad() does, which takes as long as several operations."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        is_on = torch.is_grad_enabled()
        try:
            torch._C._set_grad_enabled(False)
            return function(*args, **kwargs)
        finally:
            torch._C._set_grad_enabled(is_on)

    return called
