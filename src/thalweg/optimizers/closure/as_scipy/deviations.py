"""Standard deviations and covariances of data, in whose units residuals are measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .data_read import numbers


def deviations_of(sigma: Any, y: Tensor) -> Tensor:
    """Return the standard deviations of data sets; raises ValueError for another shape, or one not above zero."""
    deviations = numbers("sigma", sigma, finite=False)
    if deviations.dim() and deviations.shape not in (y.shape[1:], y.shape):
        raise ValueError(
            f"curve_fit(batched=True) needs sigma as a number, of shape {tuple(y.shape[1:])} or {tuple(y.shape)}, but "
            f"got {tuple(deviations.shape)}"
        )
    return positive(deviations)


def weights_of(sigma: Any, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function that measures residuals in their standard deviations.

    Raises ValueError for a sigma of another length, that is not above zero, or no covariance.
    """
    if sigma is None:
        return lambda residuals: residuals
    given = numbers("sigma", sigma, finite=False).to(y)
    m = y.numel()
    if given.numel() == 1 or given.shape == y.shape or (y.dim() == 0 and given.dim() == 1):
        deviations = positive(given)
        return lambda residuals: residuals / deviations
    if given.shape != (m, m):
        raise ValueError(
            f"curve_fit needs sigma as a number, of the shape {tuple(y.shape)} of ydata, or as a covariance of shape "
            f"{(m, m)}, but got {tuple(given.shape)}"
        )
    lower = factor_of(given)
    return lambda residuals: torch.linalg.solve_triangular(lower, residuals.reshape(-1, 1), upper=False)[:, 0]


def factor_of(covariance: Tensor) -> Tensor:
    """Return the lower triangle whose product with its own transpose is a covariance; raises ValueError for no such."""
    size = covariance.abs().max()
    apart = float((covariance - covariance.t()).abs().max() / size)
    lower: Tensor
    lower, place = torch.linalg.cholesky_ex(covariance)
    if not bool(size.isfinite()):
        wrong = "some of its numbers are inf or NaN"
    elif apart > torch.finfo(covariance.dtype).eps ** 0.5:
        wrong = f"its two halves differ by {apart:.1g} of its largest number"
    elif int(place):
        wrong = (
            f"its first {int(place)} rows and columns are not: raise its diagonal a little where only rounding is why"
        )
    else:
        return lower
    raise ValueError(
        "curve_fit needs a sigma of two dimensions to be symmetric and positive definite, as covariances are, but "
        f"{wrong}"
    )


def positive(sigma: Tensor) -> Tensor:
    """Return standard deviations; raises ValueError where one is not above zero, or no point at all is to count."""
    bad = int((~(sigma > 0)).sum())
    if bad:
        raise ValueError(f"curve_fit needs sigma above 0, but {bad} of its {sigma.numel()} numbers are not")
    if bool(sigma.isinf().all()):
        raise ValueError("curve_fit needs a finite sigma for some points, since those with sigma=inf do not count")
    return sigma
