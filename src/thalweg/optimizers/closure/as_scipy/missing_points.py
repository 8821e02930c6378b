"""Data with points that are not known: `nan_policy="omit"` leaves them out, as in SciPy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..function.given_numbers import numbers_of
from ..options import check_choice

POLICIES = (None, "raise", "omit")
"""What to do with points that are NaN: None and "raise" refuse them."""


def check_policy(policy: Any, batched: bool) -> None:
    """Raise ValueError for a policy that is none, or that data sets of one batch cannot follow."""
    check_choice("curve_fit", "nan_policy", policy, POLICIES, "")
    if batched and policy == "omit":
        raise ValueError(
            "curve_fit(batched=True) cannot leave points out, since all data sets have as many: give each point that "
            "is not to count a finite value and sigma=inf, or fit one data set at a time"
        )


def without_missing(x: Any, y: Tensor, sigma: Any) -> tuple[Any, Tensor, Any]:
    """Return predictors, data and deviations without the points of which some number is NaN.

    Points are the last dimension of the predictors. Raises ValueError for data of several dimensions.
    """
    if y.dim() != 1:
        raise ValueError(f"curve_fit(nan_policy='omit') needs ydata of one dimension, but got shape {tuple(y.shape)}")
    columns = x if isinstance(x, tuple) else (x,)
    known = ~y.isnan()
    for column in columns:
        if has_points(column, y):
            known &= ~column.isnan().reshape(-1, len(y)).any(0)
    kept = tuple(column[..., known] if has_points(column, y) else column for column in columns)
    return kept if isinstance(x, tuple) else kept[0], y[known], deviations_kept(sigma, known)


def has_points(column: Any, y: Tensor) -> bool:
    """Return whether something has a number, or several, for each point."""
    return isinstance(column, Tensor) and column.shape[-1:] == y.shape and column.is_floating_point()


def deviations_kept(sigma: Any, known: Tensor) -> Any:
    """Return the deviations, or the covariance, of the points that are known."""
    if sigma is None:
        return None
    given = numbers_of("sigma", sigma)
    for dim in range(given.dim()):
        given = given.index_select(dim, torch.nonzero(known)[:, 0]) if given.shape[dim] == len(known) else given
    return given
