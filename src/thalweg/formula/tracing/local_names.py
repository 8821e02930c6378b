"""What a formula calls its nodes: the names of the local variables that hold them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ..around import training_loop as around
from ..graph.expr import Expr


@contextmanager
def local_names(function: Callable[..., Any], names: dict[Expr, str]) -> Iterator[None]:
    """Note what a function, and what is around it, call the nodes in their local variables, as they return."""
    if sys.getprofile() is not None:
        # A profiler is at work, and cannot always be put back: names are not worth its numbers.
        yield
        return
    code = function.__code__

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and (frame.f_code is code or frame.f_code.co_filename == around.__file__):
            found = {value: name for name, value in frame.f_locals.items() if isinstance(value, Expr)}
            # The formula's own frame returns first, and its names stay.
            names.update(found | names)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
