"""The way along which losses bend down most, as a few gradients tell: Lanczos's method, for rows of a batch as well.

Lanczos 1950, "An iteration method for the solution of the eigenvalue problem of linear differential and integral
operators", https://doi.org/10.6028/jres.045.026.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..function.vector import accurate

GRADIENTS = 20
"""How many ways are asked at most; where there are no more numbers, the answer is that of the whole Hessian."""

Bends = Callable[[Tensor], Tensor]
"""What returns by how much moves, shape (b, n), change the slopes, shape (b, n)."""


def least_bent(ways: Tensor, bent: Tensor, bends: Bends, shortest: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the moves of least bend among those that `ways` lead to, that bend, and the largest one.

    `bent` is how `ways` bend. All moves are as long as their largest number, which is one. What is left of a bend
    beyond the ways known counts as noise below `shortest`, as a share of it.
    """
    basis, images = [unit(ways)], [bent / torch.linalg.vector_norm(ways, dim=1, keepdim=True)]
    for _ in range(min(ways.shape[1], GRADIENTS) - 1):
        rest = beyond(images[-1], basis)
        is_more = lengths(rest) > shortest * lengths(images[-1])
        if not bool(is_more.any()):
            break
        basis.append(torch.where(is_more, unit(rest), 0.0))
        move = scaled(basis[-1])
        length = lengths(move)
        images.append(torch.where(length > 0, bends(move) / length, 0.0))
    moves, bend, largest = combined(torch.stack(basis, 1), torch.stack(images, 1))
    return scaled(moves), bend, largest


def combined(basis: Tensor, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the combinations of the basis, shape (b, k, n), that bend least, their bends, and the largest bends."""
    wide = accurate(basis.device)
    bends = basis.to(wide) @ images.to(wide).mT
    largest = bends.abs().amax((1, 2))
    # A way that is missing bends most of all.
    missing = ~basis.any(2) * (1 + largest)[:, None]
    values, vectors = torch.linalg.eigh((bends + bends.mT) / 2 + torch.diag_embed(missing))
    moves = (vectors[:, None, :, 0] @ basis.to(wide))[:, 0]
    return moves.to(basis.dtype), values[:, 0], largest


def beyond(image: Tensor, basis: list[Tensor]) -> Tensor:
    """Return what of a bend lies beyond the ways known; once is not enough, as rounding is left."""
    for way in 2 * basis:
        image = image - (image * way).sum(1, keepdim=True) * way
    return image


def lengths(moves: Tensor) -> Tensor:
    """Return the Euclidean length of each row, shape (b, 1)."""
    length: Tensor = torch.linalg.vector_norm(moves, dim=1, keepdim=True)
    return length


def unit(moves: Tensor) -> Tensor:
    """Return each row in units of its length, zero where it has none."""
    return (moves / lengths(moves)).nan_to_num(0.0)


def scaled(moves: Tensor) -> Tensor:
    """Return each row in units of its largest number, zero where it has none."""
    return (moves / moves.abs().amax(1, keepdim=True)).nan_to_num(0.0)
