"""Large products of matrices, whose rows are made side by side: what a row is does not go by the number of threads.

Torch's own threads share out a product in other ways the more of them there are, and may add up in another order: of a
product of 147 x 330 with itself in bfloat16, 4 numbers on three threads were not what they were on one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .side_by_side import side_by_side

ROWS = 256
"""Rows that one thread makes at a time."""

LARGE = 2**29
"""Multiplications of a product that threads share: smaller ones are left to one thread, which takes milliseconds."""

PIECE = 2**23
"""Multiplications, at least, of the largest product in a piece of a stack: less is not worth another thread."""


def are_large(left: Tensor, right: Tensor) -> bool:
    """Tell if threads share a product; a matrix is large for itself, whatever it is stacked with."""
    return is_plain(left) and left.shape[-2] * left.shape[-1] * right.shape[-1] >= LARGE


def is_plain(x: Tensor) -> bool:
    """Tell if a tensor is on a processor, and has no derivative: other threads would not know of one."""
    return type(x) is Tensor and x.device.type == "cpu" and not (torch.is_grad_enabled() and x.requires_grad)


@dataclass(frozen=True)
class RowProduct:
    """beta * added + alpha * left @ right, for a stack of matrices; of a symmetric one, half is copied."""

    added: Tensor
    left: Tensor
    right: Tensor
    beta: float
    alpha: float
    out: Tensor
    is_symmetric: bool = False

    def make(self) -> Tensor:
        """Make all rows."""
        count, rows, _ = self.left.shape
        places = [(index, first) for index in range(count) for first in range(0, rows, ROWS)]
        side_by_side(self._make_rows, places, self.left.device)
        return self.out

    def _make_rows(self, place: tuple[int, int]) -> None:
        index, first = place
        last, from_ = first + ROWS, first if self.is_symmetric else 0
        old, out = self.added[index, first:last, from_:], self.out[index]
        right = self.right[index, :, from_:]
        made = torch.addmm(old, self.left[index, first:last], right, beta=self.beta, alpha=self.alpha)
        out[first:last, from_:] = made
        if self.is_symmetric:
            out[last:, first:last] = made[:, last - first :].mT


def made_alone(make: Callable[[Tensor], Tensor], stack: Tensor, multiplications: int) -> Tensor:
    """Make something of each matrix of a stack on one thread; where they are large and few, `make` shares them itself.

    `multiplications` says how many the largest product of one matrix has.
    """
    if not is_plain(stack):
        return make(stack)
    threads, count = torch.get_num_threads(), len(stack)
    if multiplications >= LARGE and count < threads:
        return make(stack)
    pieces = max(min(threads, count, count * multiplications // PIECE), 1)
    made = side_by_side(make, stack.tensor_split(pieces), stack.device)
    return made[0] if len(made) == 1 else torch.cat(made)
