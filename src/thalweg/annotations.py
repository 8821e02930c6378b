"""Annotations that are text, as `from __future__ import annotations` leaves them, turned into what they stand for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any


def evaluated(annotation: Any, module: Mapping[str, Any], within: Mapping[str, Any]) -> Any:
    """Return what an annotation of a class, or of its functions, stands for.

    Names are looked up in the class (`within`), in its module, and in the functions that are just defining it.
    Raises NameError for a name that is nowhere, as one that is imported for type checkers alone.
    """
    if not isinstance(annotation, str):
        return annotation
    names: dict[str, Any] = {}
    for known in reversed([within, *_locals(module)]):
        names.update(known)
    return eval(annotation, dict(module), names)


def _locals(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the local variables of the functions of a module that are running now, the innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals is module:
            yield frame.f_locals
        frame = frame.f_back
