"""A tensor as a stack of matrices: which of its dimensions are rows, and which are columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor


@dataclass(frozen=True)
class Sides:
    """The dimensions that are rows, those that are columns, and how many there are; all others count matrices."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    dims: int

    @property
    def others(self) -> tuple[int, ...]:
        """The dimensions that only count matrices."""
        return tuple(place for place in range(self.dims) if place not in (*self.rows, *self.columns))

    @property
    def order(self) -> tuple[int, ...]:
        """All dimensions, the columns last."""
        return (*self.others, *self.rows, *self.columns)

    @property
    def is_in_order(self) -> bool:
        """True if a tensor in the order of its indices has its rows one after another."""
        return self.order == tuple(range(self.dims))

    def count(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Count matrices, and the rows and columns of each."""
        matrices, rows, columns = (prod(shape[place] for place in places) for places in self._places)
        return matrices, rows, columns

    @property
    def _places(self) -> tuple[tuple[int, ...], ...]:
        return self.others, self.rows, self.columns

    def as_matrices(self, tensor: Tensor) -> Tensor:
        """View a tensor, or one that has a number a row or a column, as (..., rows, columns)."""
        shape = tensor.shape
        sizes = [prod(shape[place] for place in places) for places in (self.rows, self.columns)]
        return tensor.permute(self.order).reshape(*(shape[place] for place in self.others), *sizes)

    def as_tensor(self, matrices: Tensor, shape: Sequence[int]) -> Tensor:
        """Give matrices the shape of the tensor that they were."""
        back = sorted(range(self.dims), key=self.order.__getitem__)
        return matrices.reshape([shape[place] for place in self.order]).permute(back)


def first_against_rest(dims: int, batch_dims: int = 0) -> Sides | None:
    """Take the first dimension as rows, after some that only count matrices, and all others together as columns."""
    if dims < batch_dims + 2:
        return None
    return Sides((batch_dims,), tuple(range(batch_dims + 1, dims)), dims)


def last_two(dims: int) -> Sides | None:
    """Take the last two dimensions as rows and columns."""
    return Sides((dims - 2,), (dims - 1,), dims) if dims >= 2 else None
