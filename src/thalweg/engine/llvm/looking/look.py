"""Looking at tensors where torch keeps them, instead of asking for each attribute through Python.

Before a step every parameter and gradient must be looked at: same memory, same shape, same dtype? Asked through Python
that takes 0.2 us a tensor, many times the update of a small one; read from memory, less than 0.1 us, states included.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ....distributed.local_parameter import bearer
from ..machine_code.effort import AS_WRITTEN
from ..machine_code.load import load
from .inside_tensors import OBJECT as BEFORE
from .inside_tensors import SHAPE_WORDS, mask, no_gradient, place_in, shape_start
from .look_tables import OBJECT, PART, ROW, START, STATE, TABLES
from .sameness import TEXT

# Holding Python's lock: nobody may free a tensor while it is looked at.
Function = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class Glance(partial[int]):
    """A call that keeps alive the tables that it is about, also while another thread replaces it."""

    keeps: Any


class Look:
    """The memory of tensors as it was, to compare with; launches so small that they are run in the same breath."""

    def __init__(
        self,
        params: Sequence[Tensor],
        grads: Sequence[Tensor],
        targets: Sequence[int],
        states: Sequence[Tensor],
        others: Sequence[tuple[Tensor, bool]],
        launches: Sequence[tuple[int, int]],
        written: Any,
    ) -> None:
        shapes = Shapes()
        parts = [_part(*each) for each in zip(params, grads, strict=True)]
        self.parts = [part for part in parts if part]
        rows = zip(params, grads, targets, parts, strict=True)
        tables: dict[str, Any] = {
            "params": _table((_row(*each, shapes) for each in rows), len(ROW)),
            "states": _table((_memory(state, shapes) for state in states), len(STATE)),
            "others": [[id(param), has_grad, no_gradient()] for param, has_grad in others],
            "launches": launches,
            "written": written,
        }
        self.shapes = shapes.table()
        self.tables = [np.array(tables[name], np.int64) for name in TABLES]
        for name, places in (("params", ("shape", "grad.shape")), ("states", ("shape",))):
            for place in map(ROW.index, places):
                self._point(TABLES.index(name), place)
        self.context = np.array([(table.ctypes.data, len(table)) for table in self.tables], np.int64)
        # Threads may each have made one: the code lives as long as this object.
        self.function, self.code = _function()

    def glance(self) -> Glance:
        """Return what is called with 0 for an answer unless all is as it was.

        Else it notes where gradients are and that parameters change, and launches. It is given the address of a list of
        the gradients, which must be these and no others, or 0.
        """
        call = Glance(self.function, self.context.ctypes.data)
        call.keeps = self
        return call

    def _point(self, table: int, column: int) -> None:
        """Put addresses of shapes where their places stand."""
        if len(self.tables[table]):
            self.tables[table][:, column] *= self.shapes.strides[0]
            self.tables[table][:, column] += self.shapes.ctypes.data


class Shapes:
    """What tensors must be, word by word, and which bits of that count: those that are alike stand here once."""

    def __init__(self) -> None:
        self.places: dict[tuple[bytes, int], int] = {}

    def place(self, tensor: Tensor) -> int:
        """Find the place of a tensor's shape, or give it one."""
        known = ctypes.string_at(tensor._cdata + (shape_start() or 0), 8 * SHAPE_WORDS)
        return self.places.setdefault((known, tensor.dim()), len(self.places))

    def table(self) -> Any:
        """Give all of them, a row each."""
        rows = [[*np.frombuffer(known, np.int64), *mask(dimensions)] for known, dimensions in self.places]
        return np.array(rows, np.int64).reshape(-1, 2 * SHAPE_WORDS)


class Part(NamedTuple):
    """A sharded parameter, of which a local one is what is here: what tells whether it, and its gradient, are so still.

    Nothing here keeps a gradient alive.
    """

    whole: Any
    local: Tensor
    spec: Any
    """How the gradient is divided: torch has one description for all gradients of a parameter."""

    @property
    def words(self) -> list[int]:
        """Give the words of a row."""
        local_at, spec_at = place_in(self.whole, self.local), place_in(self.whole, self.whole._spec)
        return [id(self.whole), local_at, id(self.spec), spec_at]


def _part(param: Any, grad: Tensor) -> Part | None:
    """Find what a local parameter is a part of; raises ValueError where its gradient is not kept there as it is."""
    whole = bearer(param)
    if whole is param:
        return None
    if type(whole.grad) is not type(whole) or whole.grad._local_tensor is not grad or type(grad) is not Tensor:
        raise ValueError("a gradient that is made anew for each step is to be looked at in Python")
    return Part(whole, whole._local_tensor, whole.grad._spec)


def _row(param: Tensor, grad: Tensor, target: int, part: Part | None, shapes: Shapes) -> list[int]:
    offset, size = int(grad.storage_offset()) * grad.element_size(), grad.numel() * grad.element_size()
    # At first there is no room that is known to be free, so it is looked for.
    words = part.words if part else [0] * len(PART)
    return [
        *_memory(part.local if part else param, shapes),
        shapes.place(grad),
        offset,
        size,
        target,
        no_gradient(),
        -1,
        0,
        *words,
        grad._cdata,
    ]


def _table(rows: Iterable[Sequence[int]], words: int) -> Any:
    """Put rows into a table one by one, as thousands of lists keep Python's collector busy."""
    return np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, words)


def _memory(tensor: Tensor, shapes: Shapes) -> list[int]:
    storage = tensor.untyped_storage()
    return [id(tensor), tensor._cdata, storage.data_ptr(), shapes.place(tensor), storage._cdata]


@cache
def _function() -> tuple[Any, Any]:
    """Compile the look; what is returned second keeps the code alive."""
    start = shape_start() or 0
    text = TEXT.replace(START, str(start)).replace(OBJECT, str(start + BEFORE))
    library = load(text, ["look"], AS_WRITTEN)
    return Function(library["look"]), library
