"""A tensor as a stack of matrices: which of its dimensions are rows, and which are columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

WHOLE = (1, 1)
"""The blocks of rows and of columns of a matrix that is not cut."""


@dataclass(frozen=True)
class Sides:
    """The dimensions that are rows, those that are columns, and how many there are; all others count matrices.

    A matrix may be cut: into how many blocks of rows, and how many of columns, each block being a matrix then.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    dims: int
    blocks: tuple[int, int] = WHOLE

    def __post_init__(self) -> None:
        places = (*self.rows, *self.columns)
        if len({*places}) < len(places) or not {*places} <= {*range(self.dims)}:
            raise ValueError(
                f"Sides needs each of its {self.dims} dimensions once at most, from 0 on, but got rows={self.rows} and "
                f"columns={self.columns}"
            )

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

    def batch(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Give the sizes that only count matrices, those of blocks last."""
        return (*(shape[place] for place in self.others), *(self.blocks if self.is_cut else ()))

    @property
    def is_cut(self) -> bool:
        """True if a matrix is cut into blocks."""
        return self.blocks != WHOLE

    def count(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Count matrices, and the rows and columns of each."""
        return (prod(self.batch(shape)), *self._sizes(shape))

    def as_matrices(self, tensor: Tensor) -> Tensor:
        """View a tensor, or one that has a number a row or a column, as (..., rows, columns)."""
        shape = tensor.shape
        sizes = [prod(shape[place] for place in places) for places in (self.rows, self.columns)]
        whole = tensor.permute(self.order).reshape(*(shape[place] for place in self.others), *sizes)
        return self._cut(whole) if self.is_cut else whole

    def as_tensor(self, matrices: Tensor, shape: Sequence[int]) -> Tensor:
        """Give matrices the shape of the tensor that they were."""
        whole = matrices.transpose(-3, -2) if self.is_cut else matrices
        back = sorted(range(self.dims), key=self.order.__getitem__)
        return whole.reshape([shape[place] for place in self.order]).permute(back)

    def spread(self, matrices: Tensor, shape: Sequence[int]) -> Tensor:
        """Repeat what differs in fewer places than a tensor of some shape has."""
        return matrices.expand(*self.batch(shape), *self._sizes(shape))

    def _sizes(self, shape: Sequence[int]) -> tuple[int, int]:
        rows, columns = (prod(shape[place] for place in places) for places in (self.rows, self.columns))
        return rows // self.blocks[0], columns // self.blocks[1]

    def _cut(self, matrices: Tensor) -> Tensor:
        """View matrices as (..., blocks of rows, blocks of columns, rows, columns)."""
        down, across = self.blocks
        *others, rows, columns = matrices.shape
        return matrices.reshape(*others, down, rows // down, across, columns // across).transpose(-3, -2)


def in_blocks(size: int, longest: int | None) -> int:
    """Count the fewest blocks of one size that a side is cut into, each no longer than is asked; 0 if there are none.

    Blocks of less than half of that length are none: a prime number of rows would be cut into single ones.
    """
    if longest is None or size <= longest:
        return 1
    fewest = -(-size // longest)
    return next((count for count in range(fewest, 2 * size // longest + 1) if size % count == 0), 0)


def first_against_rest(dims: int, batch_dims: int = 0) -> Sides | None:
    """Take the first dimension as rows, after some that only count matrices, and all others together as columns."""
    if dims < batch_dims + 2:
        return None
    return Sides((batch_dims,), tuple(range(batch_dims + 1, dims)), dims)


def two(shape: Sequence[int], rows: int, columns: int, least: int) -> Sides | None:
    """Take two dimensions as rows and columns, where they are large enough; all others count matrices."""
    is_there = 0 <= rows < columns and min(shape[rows], shape[columns]) >= least
    return Sides((rows,), (columns,), len(shape)) if is_there else None


def last_two(shape: Sequence[int], least: int = 0) -> Sides | None:
    """Take the last two dimensions."""
    return two(shape, len(shape) - 2, len(shape) - 1, least)


def leading_two(shape: Sequence[int], least: int = 0) -> Sides | None:
    """Take the first two of more than two, where they are large enough, else the last two."""
    leading = two(shape, 0, 1, least) if len(shape) > 2 else None
    return leading or last_two(shape, least)


def largest_two(shape: Sequence[int], least: int = 0) -> Sides | None:
    """Take the two largest dimensions, of equal ones the last."""
    places = sorted(range(len(shape)), key=lambda place: (shape[place], place))[-2:]
    return two(shape, min(places), max(places), least) if len(shape) >= 2 else None
