"""The machine code that looks at tensors: compiled as one module, as each takes time of its own."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

from ..machine_code.effort import AS_WRITTEN
from ..machine_code.load import load
from . import gathering, sameness
from .inside_tensors import OBJECT as BEFORE
from .inside_tensors import shape_start
from .look_tables import OBJECT, START


class EntryPoints(NamedTuple):
    """They hold Python's lock: nobody may free a tensor while it is looked at."""

    look: Any
    gather: Any


LOOK = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
GATHER = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


@cache
def entry_points() -> tuple[EntryPoints, Any]:
    """Compile them; what is returned second keeps the code alive."""
    start = shape_start() or 0
    text = f"{sameness.TEXT}{gathering.TEXT}".replace(START, str(start)).replace(OBJECT, str(start + BEFORE))
    library = load(text, EntryPoints._fields, AS_WRITTEN)
    return EntryPoints(LOOK(library["look"]), GATHER(library["gather"])), library
