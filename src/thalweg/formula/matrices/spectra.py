"""Eigenvectors and roots of symmetric matrices: what is done where one cannot be taken apart, and how that is counted.

Shapes are (..., size, size). Of a matrix that is not finite, all results are NaN.
"""

from __future__ import annotations

import itertools
import threading
from math import nan

import torch
from torch import Tensor

from .matrix_products import product

MOST_ITERATIONS = 100
"""Steps of Newton's iteration at most: small eigenvalues grow by a factor of at least 2 each."""

ROUNDINGS = 100
"""The least ridge of the iteration, in roundings of the largest eigenvalue."""

HALFWAY = 0.5
"""How far from the identity the product may be for as long as the smallest eigenvalues are on their way."""

LARGEST_ERROR = 0.05
"""How far from the identity the inverse root, multiplied by what it is of, may be."""


class Failures(threading.local):
    """How many matrices could not be taken apart in this thread, so far."""

    count = 0


failures = Failures()


def eigenbasis(matrices: Tensor, last: Tensor) -> Tensor:
    """Find eigenvectors of symmetric matrices, those of the largest eigenvalues first, or let the last ones stay."""
    _, vectors, failed = decomposed(matrices)
    return _unless(failed, vectors.flip(-1), last)


def inverse_root(matrices: Tensor, last: Tensor, exponent: float, ridge: float) -> Tensor:
    """Raise symmetric matrices, with a ridge, to a power by their eigenvalues; the last ones stay where there are none.

    Eigenvalues that rounding has made negative are lifted to zero, and all others with them, as in Shi et al. 2023,
    "A distributed data-parallel PyTorch implementation of the distributed Shampoo optimizer", section 3.2.1.
    https://arxiv.org/abs/2309.06497
    """
    values, vectors, failed = decomposed(matrices)
    lifted = values - values.amin(-1, keepdim=True).clamp(max=0) + ridge
    return _unless(failed, product(vectors * lifted.pow(-exponent)[..., None, :], vectors.mT), last)


def iterated_root(matrices: Tensor, last: Tensor, order: float, ridge: float) -> Tensor:
    """Find the inverse root of some whole order by products alone; the last one stays where the iteration does not end.

    Guo & Higham 2006, "A Schur-Newton method for the matrix p-th root and its inverse", the coupled iteration (3.6):
    X <- X T and M <- T^p M, where T = ((p + 1) I - M) / p. https://doi.org/10.1137/050643374
    """
    power, eye = int(order), _identity(matrices)
    # Products leave an error of some roundings of the largest eigenvalue, which smaller ones would drown in.
    floor = ROUNDINGS * torch.finfo(matrices.dtype).eps * torch.linalg.matrix_norm(matrices, keepdim=True)
    shifted = matrices + (ridge + floor) * eye
    size = (2 * torch.linalg.matrix_norm(shifted, keepdim=True) / (power + 1)).pow(1 / power)
    root, made = eye / size, shifted / size**power
    error = _distance(made, eye)
    for _ in range(MOST_ITERATIONS):
        factor = ((power + 1) * eye - made) / power
        following = product(torch.linalg.matrix_power(factor, power), made)
        next_error = _distance(following, eye)
        # While the smallest eigenvalues grow, the error hardly moves; then rounding sets it a floor.
        nearer = ((next_error < error) | ((error > HALFWAY) & (next_error <= 1.2 * error)))[..., None, None]
        root, made = torch.where(nearer, product(root, factor), root), torch.where(nearer, following, made)
        if not nearer.any():
            break
        error = torch.where(nearer[..., 0, 0], next_error, error)
    return _unless(error > LARGEST_ERROR, root, last).masked_fill(_is_odd(matrices), nan)


def orthonormalized(matrices: Tensor, last: Tensor) -> tuple[Tensor, Tensor | None]:
    """Make columns orthonormal by Householder's reflections, one after the other; the last ones stay where that fails.

    Says which matrices failed, or None if all are fine.
    """
    try:
        return torch.linalg.qr(matrices)[0], None
    except RuntimeError:
        return _reflected_one_by_one(matrices, last)


def _reflected_one_by_one(matrices: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Take matrices in float64, each by itself."""
    found, failed = last.clone(), torch.zeros(matrices.shape[:-2], dtype=torch.bool, device=matrices.device)
    for place in itertools.product(*map(range, matrices.shape[:-2])):
        try:
            found[place] = torch.linalg.qr(matrices[place].double())[0].to(matrices.dtype)
        except RuntimeError:
            failures.count += 1
            failed[place] = True
    return found, failed


def polar(matrices: Tensor) -> Tensor:
    """Find the nearest matrices whose singular values are 1, or 0 where they are nothing beside the largest.

    Shape: (..., rows, columns) to the same. What cannot be taken apart is zero, and is counted.
    """
    odd = _is_odd(matrices)
    finite = matrices.masked_fill(odd, 0)
    try:
        return _polar(finite).masked_fill(odd, nan)
    except RuntimeError:
        return _polars_one_by_one(finite).masked_fill(odd, nan)


def _polar(matrices: Tensor) -> Tensor:
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    least = values[..., :1] * max(matrices.shape[-2:]) * torch.finfo(matrices.dtype).eps
    return product(left * (values > least)[..., None, :], right)


def _polars_one_by_one(matrices: Tensor) -> Tensor:
    """Take matrices apart in float64, each by itself."""
    found = []
    for matrix in matrices.reshape(-1, *matrices.shape[-2:]):
        try:
            found.append(_polar(matrix.double()).to(matrix.dtype))
        except RuntimeError:
            failures.count += 1
            found.append(torch.zeros_like(matrix))
    return torch.stack(found).reshape(matrices.shape)


def decomposed(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find eigenvalues, the smallest first, and their vectors; and say which matrices could not be taken apart."""
    odd = _is_odd(matrices)
    finite = torch.where(odd, _identity(matrices), matrices) if odd.any() else matrices
    failed = torch.zeros(matrices.shape[:-2], dtype=torch.bool, device=matrices.device)
    try:
        values, vectors = torch.linalg.eigh(finite)
    except RuntimeError:
        values, vectors, failed = _one_by_one(finite)
    return values.masked_fill(odd[..., 0], nan), vectors.masked_fill(odd, nan), failed


def _one_by_one(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take matrices apart in float64, each by itself: what float32 could not, that may, and one fails alone."""
    size = matrices.shape[-1]
    found = [_in_double(matrix) for matrix in matrices.reshape(-1, size, size)]
    values, vectors, failed = (torch.stack(parts) for parts in zip(*found, strict=True))
    batch = matrices.shape[:-2]
    return values.reshape(*batch, size).to(matrices), vectors.reshape(matrices.shape).to(matrices), failed.view(batch)


def _in_double(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    try:
        return (*torch.linalg.eigh(matrix.double()), torch.tensor(False, device=matrix.device))
    except RuntimeError:
        return matrix[0].double(), matrix.double(), torch.tensor(True, device=matrix.device)


def _unless(failed: Tensor, found: Tensor, last: Tensor) -> Tensor:
    """Let the last one stay where there is none, and count that."""
    count = int(failed.sum())
    if not count:
        return found
    failures.count += count
    return torch.where(failed[..., None, None], last, found)


def _identity(matrices: Tensor) -> Tensor:
    eye = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    return eye.expand(matrices.shape)


def _distance(matrices: Tensor, eye: Tensor) -> Tensor:
    """Measure the difference from the identity, at least its largest eigenvalue; infinite if it is none."""
    error: Tensor = torch.linalg.matrix_norm(matrices - eye)
    return error.nan_to_num(nan=torch.inf, posinf=torch.inf)


def _is_odd(matrices: Tensor) -> Tensor:
    if matrices.is_meta:
        raise RuntimeError(
            f"matrices of shape {tuple(matrices.shape[-2:])} cannot be taken apart on the meta device, which has no "
            "numbers: call model.to_empty(device=...) first"
        )
    return ~torch.isfinite(matrices).all(-1).all(-1)[..., None, None]
