"""What is done to whole matrices, on torch's tensors: no loop over elements could, so passes are cut there.

Each function takes a stack of tensors of one shape, and numbers; a tensor's first dimension, after `batch_dims` that
only count matrices, is the matrices' rows, and all others together are its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from .bfloat16_products import iterated
from .matrix_products import product
from .procrustes import rotated
from .spectra import eigenbasis, inverse_root, iterated_root, orthonormalized, polar
from .triangular import largest, lower_matmul, normal, over_upper, spectral_bound, upper_by_upper, upper_matmul


def matrix_shape(shape: Sequence[int], batch_dims: int, blocks: int = 1) -> tuple[int, int]:
    """Count the rows and columns of a tensor's matrices, which are cut into blocks of rows."""
    sizes = shape[batch_dims:] or (1,)
    return sizes[0] // blocks, prod(sizes[1:])


def work_dtype(compute: torch.dtype) -> torch.dtype:
    """Say in what such functions are given tensors: they work in bfloat16, to which float64 is rounded by torch."""
    return torch.float32 if compute is torch.float64 else torch.bfloat16


def as_matrices(stack: Tensor, batch_dims: float, blocks: float) -> Tensor:
    """View a stack of tensors, of shape (count, *shape), as one of matrices, of shape (more, rows, columns)."""
    counted, pieces = int(batch_dims) + 1, int(blocks)
    rows, columns = matrix_shape(stack.shape, counted, pieces)
    return stack.reshape(prod(stack.shape[:counted]) * pieces, rows, columns)


def newton_schulz(
    stack: Tensor, steps: float, eps: float, batch_dims: float, blocks: float, *coefficients: float
) -> Tensor:
    """Move every singular value towards 1, in bfloat16: products of matrices, which machines are fastest at.

    Shape: (count, *shape) to the same, in bfloat16. Jordan et al. 2024, "Muon: An optimizer for hidden layers
    in neural networks", the iteration X <- a X + b (X X^T) X + c (X X^T)^2 X. https://kellerjordan.github.io/posts/muon/
    """
    x = as_matrices(stack.bfloat16(), batch_dims, blocks)
    is_tall = x.shape[1] > x.shape[2]
    x = x.mT if is_tall else x
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=eps)
    x = iterated(x, threes(coefficients, int(steps)))
    return (x.mT if is_tall else x).reshape(stack.shape)


def threes(coefficients: Sequence[float], steps: int) -> list[tuple[float, float, float]]:
    """Give the three coefficients of each step: the last ones go on where there are more steps."""
    rows = list(zip(coefficients[::3], coefficients[1::3], coefficients[2::3], strict=True))
    return [rows[min(step, len(rows) - 1)] for step in range(steps)]


JORDAN = (3.4445, -4.7750, 2.0315)

COEFFICIENTS: dict[str, tuple[float, ...]] = {
    "simple": JORDAN,
    "quintic": (
        *(4.0848, -6.8946, 2.9270),
        *(3.9505, -6.3029, 2.6377),
        *(3.7418, -5.5913, 2.3037),
        *(2.8769, -3.1427, 1.2046),
        *(2.8366, -3.0525, 1.2012),
    ),
    "polar_express": (
        *(8.2051, -22.9019, 16.4607),
        *(4.0664, -2.8612, 0.5184),
        *(3.9096, -2.8234, 0.5250),
        *(3.2856, -2.4153, 0.4853),
        *(2.2779, -1.6198, 0.3985),
        *(1.8726, -1.2307, 0.3585),
        *(1.8564, -1.2132, 0.3568),
        *(1.8750, -1.2500, 0.3750),
    ),
    "cans": (
        *(8.4703, -25.1081, 18.6293),
        *(4.1828, -3.1087, 0.5806),
        *(3.9619, -2.9541, 0.5630),
        *(3.2866, -2.4647, 0.5074),
        *(2.2737, -1.6447, 0.4162),
    ),
    "aol": (
        *(4.0098, -7.0585, 2.4635),
        *(3.4585, -5.5479, 2.5959),
        *(2.7573, -3.2939, 1.4254),
        *(2.7215, -3.0494, 1.3169),
    ),
    "deepseekv4": (*(JORDAN * 8), *(2.0, -1.5, 0.5)),
    "cubic5": (
        *(3.3656576, -3.3420992, 0.0),
        *(2.5744352, -1.4957376, 0.0),
        *(2.5368962, -1.4312570, 0.0),
        *(2.4418906, -1.2764040, 0.0),
        *(2.2230472, -0.9630650, 0.0),
    ),
}
"""Coefficients in use, three a step: Jordan's; You Jiacheng's, "quintic"; Amsel et al. 2025, "The Polar Express", with
a margin of 1%, https://arxiv.org/abs/2505.16932; Grishina et al. 2025, "cans", https://arxiv.org/abs/2506.10935; and
those of Flash Newton-Schulz, of DeepSeek V4 and of Emerging-Optimizers."""

MATRIX_FUNCTIONS = {"orthogonalize": newton_schulz}
"""Each function by its name."""


def nearer_basis(matrices: Tensor, bases: Tensor) -> tuple[Tensor, Tensor]:
    """Take one step of orthogonal iteration; return the bases, and which of its columns each of them was.

    Shape: (..., size, size) twice to (..., size, size) and (..., size).
    Vyas et al. 2024, "SOAP: Improving and stabilizing Shampoo using Adam", algorithm 4. https://arxiv.org/abs/2409.11321
    """
    moved = product(matrices, bases)
    order = torch.argsort((bases * moved).sum(-2), dim=-1, descending=True, stable=True)
    found, failed = orthonormalized(moved.take_along_dim(order[..., None, :], -1), bases)
    places = torch.arange(order.shape[-1], device=order.device)
    return found, order if failed is None else torch.where(failed[..., None], places, order)


def iterated_basis(matrices: Tensor, bases: Tensor) -> Tensor:
    """Take one step of orthogonal iteration, the columns staying in their order."""
    return orthonormalized(product(matrices, bases), bases)[0]


def orthonormal(matrices: Tensor) -> Tensor:
    """Make columns orthonormal, one after the other, by Householder's reflections."""
    basis: Tensor = torch.linalg.qr(matrices)[0]
    return basis


def unit_columns(matrices: Tensor, eps: float) -> Tensor:
    """Bring each column to a length of 1."""
    lengths: Tensor = torch.linalg.vector_norm(matrices, dim=-2, keepdim=True)
    return matrices / (lengths + eps)


def largest_lines(values: Tensor, count: float) -> Tensor:
    """Mark the largest of some numbers with 1, and the others with 0; shapes are (..., size, 1) or (..., 1, size)."""
    flat = values.flatten(-2)
    chosen = torch.zeros_like(flat).scatter(-1, flat.topk(int(count), -1).indices, 1)
    return chosen.view(values.shape)


ON_LINES: dict[str, Callable[..., Any]] = {
    "matmul": product,
    "transpose": lambda matrices: matrices.mT,
    "eigenbasis": eigenbasis,
    "inverse_root": inverse_root,
    "iterated_root": iterated_root,
    "polar": polar,
    "rotated": rotated,
    "upper": torch.triu,
    "upper_matmul": upper_matmul,
    "upper_by_upper": upper_by_upper,
    "lower_matmul": lower_matmul,
    "over_upper": over_upper,
    "largest": largest,
    "spectral_bound": spectral_bound,
    "normal": normal,
    "nearer_basis": nearer_basis,
    "iterated_basis": iterated_basis,
    "orthonormal": orthonormal,
    "unit_columns": unit_columns,
    "largest_lines": largest_lines,
    "sorted_rows": lambda matrices, order: matrices.take_along_dim(order[..., :, None], -2),
    "sorted_columns": lambda matrices, order: matrices.take_along_dim(order[..., None, :], -1),
}
"""Functions of tensors whose last two dimensions are a parameter's rows and columns, or two times the same."""
