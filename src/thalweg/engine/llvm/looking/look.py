"""Looking at tensors where torch keeps them, instead of asking for each attribute through Python.

Before a step every parameter and gradient must be looked at: same memory, same shape, same dtype? Asked through Python
that takes 0.2 us a tensor, many times the update of a small one; read from memory, less than 0.1 us, states included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ....distributed.local_parameter import bearer
from .entry_points import entry_points
from .inside_tensors import SHAPE_WORDS, no_gradient, place_in
from .look_tables import PART, ROW, STATE, TABLES
from .tensor_columns import TensorColumns, as_bytes, masks


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
        parts = [_part(*each) for each in zip(params, grads, strict=True)]
        self.parts = [part for part in parts if part]
        shapes = Shapes()
        here = [part.local if part else param for param, part in zip(params, parts, strict=True)]
        tables: dict[str, Any] = {
            "params": _rows(here, grads, targets, parts, shapes),
            "states": _memory(TensorColumns(states), shapes),
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
        functions, self.code = entry_points()
        self.function = functions.look

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
        self.places: dict[bytes, int] = {}

    def found(self, gathered: TensorColumns) -> list[int]:
        """Find the place of each tensor's shape, or give it one."""
        return [self.places.setdefault(words, len(self.places)) for words in as_bytes(gathered.shapes)]

    def table(self) -> Any:
        """Give all of them, a row each."""
        known = np.frombuffer(b"".join(self.places), np.int64).reshape(-1, SHAPE_WORDS)
        return np.column_stack([known, masks(known)])


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


def _rows(
    here: Sequence[Tensor],
    grads: Sequence[Tensor],
    targets: Sequence[int],
    parts: Sequence[Part | None],
    shapes: Shapes,
) -> Any:
    """Give the table of parameters."""
    rows, found = np.zeros((len(here), len(ROW)), np.int64), TensorColumns(grads)
    sizes = np.fromiter(map(Tensor.element_size, grads), np.int64, len(grads))
    rows[:, : len(STATE)] = _memory(TensorColumns(here), shapes)
    # At first there is no room that is known to be free, so it is looked for.
    columns = {"grad.shape": shapes.found(found), "offset": found.offsets * sizes, "size": found.counts * sizes}
    columns |= {"target": targets, "none": no_gradient(), "free.start": -1, "grad.seen": found.impls}
    for name, column in columns.items():
        rows[:, ROW.index(name)] = column
    first = ROW.index(PART[0])
    for place, part in enumerate(parts):
        if part:
            rows[place, first : first + len(PART)] = part.words
    return rows


def _memory(found: TensorColumns, shapes: Shapes) -> Any:
    return np.column_stack([found.objects, found.impls, found.data, shapes.found(found), found.storages])
