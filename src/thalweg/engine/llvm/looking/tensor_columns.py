"""Where torch has many tensors, and what it keeps of each: read in one call, and not asked tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from .entry_points import entry_points
from .gathering import OWN_WORDS, WIDTH
from .inside_tensors import INLINE, ITEMS, mask, words

OFFSET, COUNT = 1 + 2 * INLINE, 2 + 2 * INLINE
"""The places of a tensor's offset and of its count of elements among the words of its shape."""


class TensorColumns:
    """What torch has of each of some tensors, in columns; a tensor without a storage has zeros in its place."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        listed = list(tensors)
        rows = np.zeros((len(listed), WIDTH), np.int64)
        functions, self.code = entry_points()
        functions.gather(words(id(listed) + ITEMS, 1)[0], len(listed), rows.ctypes.data)
        self.objects, self.impls, self.storages, self.data, self.bytes = rows[:, : len(OWN_WORDS)].T
        self.shapes = rows[:, len(OWN_WORDS) :]
        self.shapes &= masks(self.shapes)

    @property
    def offsets(self) -> Any:
        """Count the elements of each storage before the tensor's first."""
        return self.shapes[:, OFFSET]

    @property
    def counts(self) -> Any:
        """Count the elements of each."""
        return self.shapes[:, COUNT]

    @property
    def likes(self) -> list[bytes]:
        """Give what is equal where dtypes, shapes, strides, layouts and the room in the storage are."""
        rows = np.column_stack([self.shapes, self.bytes, self.data == 0])
        return as_bytes(rows)


def as_bytes(rows: Any) -> list[bytes]:
    """Give each row as bytes, which are hashed and compared at once."""
    found: list[bytes] = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * 8}").ravel().tolist()
    return found


def masks(shapes: Any) -> Any:
    """Give for each shape, whose first word counts dimensions, which of its bits mean something."""
    return _masks()[np.clip(shapes[:, 0], 0, INLINE)]


@cache
def _masks() -> Any:
    return np.array([mask(dimensions) for dimensions in range(INLINE + 1)])
