"""Triangular factors of what multiplies a gradient, and the random numbers that they are fitted on.

Shapes are (..., size, size), or (..., rows, size) of what is divided.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .matrix_products import panels, product

FACTOR = 1_000_003
"""Sets seeds, parameters and steps apart: a prime that no count of parameters reaches."""


def over_upper(matrices: Tensor, factors: Tensor) -> Tensor:
    """Multiply by the inverse of an upper triangular matrix, from the right; a zero on its diagonal divides by 1."""
    # A neuron without a gradient has a line of zeros, whose products are zeros: it stays as it is.
    is_zero = factors.diagonal(dim1=-2, dim2=-1) == 0
    divisible = factors.clone()
    divisible.diagonal(dim1=-2, dim2=-1).add_(is_zero)
    solved: Tensor = torch.linalg.solve_triangular(divisible, matrices, upper=True, left=False)
    return solved


def upper_matmul(factors: Tensor, matrices: Tensor) -> Tensor:
    """Multiply by an upper triangular matrix from the left; panel by panel, what is zero is left out."""
    cuts = panels(factors)
    return torch.cat([product(factors[..., first:last, first:], matrices[..., first:, :]) for first, last in cuts], -2)


def upper_by_upper(left: Tensor, right: Tensor) -> Tensor:
    """Multiply two upper triangular matrices; of their blocks, those below the diagonal are left out."""
    made, cuts = right.new_zeros(right.shape), list(panels(left))
    for place, (first, last) in enumerate(cuts):
        for start, stop in cuts[place:]:
            block = product(left[..., first:last, first:stop], right[..., first:stop, start:stop])
            made[..., first:last, start:stop] = block
    return made


def lower_matmul(factors: Tensor, matrices: Tensor) -> Tensor:
    """Multiply by a lower triangular matrix from the left, likewise."""
    cuts = panels(factors)
    return torch.cat([product(factors[..., first:last, :last], matrices[..., :last, :]) for first, last in cuts], -2)


def largest(matrices: Tensor) -> Tensor:
    """Find the largest size of an element; shape (..., 1, 1)."""
    return matrices.abs().amax((-2, -1), keepdim=True)


def spectral_bound(matrices: Tensor) -> Tensor:
    """Bound the largest eigenvalue of symmetric matrices from below; shape (..., 1, 1).

    Two steps of the power method from the row that is longest, as in Pooladzandi & Li 2024, "Curvature-informed SGD via
    general purpose Lie-group preconditioners", appendix, and its authors' code. https://arxiv.org/abs/2402.04553
    """
    peak = largest(matrices)
    scaled = matrices / torch.where(peak > 0, peak, 1)
    longest = torch.linalg.vector_norm(scaled, dim=-1).argmax(-1)
    row = scaled.take_along_dim(longest[..., None, None], -2)
    once = product(row, scaled)
    length = torch.linalg.vector_norm(once, dim=-1, keepdim=True)
    twice = product(once / torch.where(length > 0, length, 1), scaled)
    bound: Tensor = torch.linalg.vector_norm(twice, dim=-1, keepdim=True)
    return peak * bound


def normal(like: Tensor, seed: float, index: float | Sequence[float], step: float) -> Tensor:
    """Draw normal numbers in the shape of a tensor: the same for the same seed, parameter and step.

    Where there are several places, `like` is a stack of the parameters that have them.
    """
    if isinstance(index, Sequence):
        return torch.stack([normal(own, seed, place, step) for own, place in zip(like, index, strict=True)])
    mixed = (int(seed) * FACTOR + int(index)) * FACTOR + int(step)
    generator = torch.Generator(like.device).manual_seed(mixed)
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
