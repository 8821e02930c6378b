"""Products of matrices, alone or added to others in one call of torch; of a symmetric one, little more than half."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

PANEL = 120
"""Rows that are worth a product of their own, where half of a symmetric one is left out."""

MOST_PANELS = 4
"""Products that a symmetric one is made of at most: these leave out three eighths of it."""

IN_LOOPS = 400
"""Multiplications below which torch goes over a stack of matrices in loops, whose bits are not those of one product."""


def product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply matrices; small ones in a stack one by one, so that they have the same bits as alone."""
    if are_small(left, right):
        return torch.stack(list(map(torch.mm, left, right)))
    return torch.matmul(left, right)


def are_small(left: Tensor, right: Tensor) -> bool:
    """Tell if a stack of such matrices is multiplied in another way than each of them alone."""
    return left.dim() == right.dim() == 3 and left[0].numel() * right.shape[-1] < IN_LOOPS


def add_product(added: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float, out: Tensor) -> Tensor:
    """Compute beta * added + alpha * left @ right; `out` may be what it is added to.

    Shape: (rows, inner) and (inner, columns), or stacks of as many, to (rows, columns).
    """
    if are_small(left, right):
        for parts in zip(added, left, right, out, strict=True):
            torch.addmm(*parts[:3], beta=beta, alpha=alpha, out=parts[3])
        return out
    add = torch.addmm if left.dim() == 2 else torch.baddbmm
    return add(added, left, right, beta=beta, alpha=alpha, out=out)


def add_symmetric(added: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float, out: Tensor) -> Tensor:
    """Do the same where the result is symmetric: what lies below its panels is a copy of what lies beside them."""
    for first, last in panels(left):
        beside = out[..., first:last, first:]
        old = beside if added is out else added[..., first:last, first:]
        add_product(old, left[..., first:last, :], right[..., first:], beta, alpha, beside)
        out[..., last:, first:last].copy_(beside[..., last - first :].mT)
    return out


def symmetric_product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply where the result is symmetric."""
    out = left.new_empty(*left.shape[:-1], right.shape[-1])
    return add_symmetric(out, left, right, 0.0, 1.0, out)


def panels(matrices: Tensor) -> Iterator[tuple[int, int]]:
    """Cut rows into panels of about one size, where several products take less time than one."""
    rows = matrices.shape[-2]
    count = min(max(rows // PANEL, 1), MOST_PANELS) if matrices.device.type == "cpu" else 1
    return ((rows * place // count, rows * (place + 1) // count) for place in range(count))
