"""The few directions of a matrix' gradients in which an optimizer of low rank keeps its states."""

from __future__ import annotations

import torch
from torch import Tensor

from ...formula import normal
from ...formula.matrices.spectra import decomposed, failures


def singular_vectors(grad: Tensor, rank: int, last: Tensor | None) -> Tensor:
    """Find the singular vectors of the largest singular values, on the smaller side; shape (smaller, rank).

    They are eigenvectors of a product in float64, which costs a few times less than the singular values in float32, and
    loses less. Where there are none, the last ones stay, or the first axes if there are no last ones, and
    `formula.spectra.failures` counts it.
    """
    wide = sideways(grad).double()
    _, vectors, failed = decomposed(wide @ wide.mT)
    if not failed and torch.isfinite(vectors).all():
        largest = vectors[:, -rank:].flip(-1)
        return (largest * _signs(largest)).to(grad.dtype)
    failures.count += 1
    return torch.eye(len(wide), rank, dtype=grad.dtype, device=grad.device) if last is None else last


def _signs(vectors: Tensor) -> Tensor:
    """Choose of each vector and its opposite the one whose largest element is positive, whatever was found."""
    peaks = vectors.take_along_dim(vectors.abs().argmax(0, keepdim=True), 0)
    signs: Tensor = torch.where(peaks < 0, -1.0, 1.0)
    return signs


def random_directions(grad: Tensor, rank: int, seed: int, index: int, step: int) -> Tensor:
    """Draw normal numbers over the root of the rank; shape (smaller, rank)."""
    like = torch.empty(min(grad.shape), rank, dtype=torch.float32, device=grad.device)
    drawn: Tensor = normal(like, seed, index, step) / rank**0.5
    return drawn.to(grad.dtype)


def sideways(matrix: Tensor) -> Tensor:
    """View a matrix so that its smaller side is the rows."""
    return matrix.mT if is_tall(matrix) else matrix


def is_tall(matrix: Tensor) -> bool:
    """Tell if columns are the smaller side, as they are of square matrices."""
    return matrix.shape[0] >= matrix.shape[1]


def projected(grad: Tensor, directions: Tensor) -> Tensor:
    """Write a gradient in a few directions; shape (rows, rank) if it is tall, else (rank, columns)."""
    return grad @ directions if is_tall(grad) else directions.mT @ grad


def add_back(param: Tensor, step: Tensor, directions: Tensor, size: float, kept: float) -> None:
    """Add a multiple of a step of low rank to a share of the parameter, in one product."""
    operands = (step, directions.mT) if is_tall(param) else (directions, step)
    param.addmm_(*operands, beta=kept, alpha=size)
