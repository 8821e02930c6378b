"""Factors turned so that they come nearer to symmetric ones, as the orthogonal Procrustes problem asks.

Shapes are (..., size, size).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .matrix_products import product
from .triangular import spectral_bound

LONGEST = 1 / 8
"""How far a turn goes at most: its exponential is taken to the second order."""


def rotated(factors: Tensor) -> Tensor:
    """Multiply by a small rotation from the left, which makes the trace as large as it can along its way.

    Li 2024, "Stochastic Hessian fittings with Lie groups", and its code: Q <- exp(a R) Q, with R = Q^T - Q over a bound
    of its size. https://arxiv.org/abs/2402.11858
    """
    skew = factors.mT - factors
    size = spectral_bound(skew)
    skew = skew / torch.where(size > 0, size, 1)
    once = product(skew, factors)
    twice = product(skew, once)
    slope, bend = _trace(once), _trace(twice)
    best = (-slope / torch.where(bend < 0, bend, -1)).clamp(0, LONGEST)
    length = torch.where(bend < 0, best, LONGEST)
    return factors + length * (once + length / 2 * twice)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
