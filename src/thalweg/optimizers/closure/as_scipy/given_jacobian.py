"""Residuals whose Jacobian the user gives: autograd sees them as a function, whatever they are computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..function.given_numbers import numbers_of


class Known(torch.autograd.Function):
    """Values that are known at x, with a Jacobian that is known, too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, jacobian: Tensor) -> Tensor:
        """Keep the Jacobian, shape (m, n), for the m values and n numbers of x in their order."""
        ctx.save_for_backward(jacobian)
        ctx.shape = x.shape
        return values.clone()

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        """Return J' times the weights; that is differentiable by them."""
        (jacobian,) = ctx.saved_tensors
        flat = weights.reshape(-1)
        pulled = torch.sparse.mm(jacobian.t(), flat[:, None]) if jacobian.is_sparse else flat @ jacobian
        return pulled.reshape(ctx.shape), None, None


def with_jacobian(function: Callable[[Tensor], Any], jac: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """Return function(x), differentiable by x through jac(x); raises TypeError or ValueError where they do not fit."""
    point = x.detach()
    with torch.no_grad():
        values, jacobian = numbers_of("the residuals", function(point)), matrix_of(jac(point))
    if not values.is_floating_point() or not jacobian.is_floating_point():
        raise TypeError(
            f"jac needs real derivatives of real residuals, but got {jacobian.dtype} for residuals of {values.dtype}"
        )
    if jacobian.numel() != values.numel() * x.numel() or jacobian.shape[-1:] != (x.numel(),):
        raise ValueError(
            f"jac must return one derivative for each residual and unknown, shape {(*values.shape, x.numel())}, but "
            f"got {tuple(jacobian.shape)}"
        )
    matrix = jacobian if jacobian.is_sparse else jacobian.reshape(-1, x.numel())
    known: Tensor = Known.apply(x, values.to(x), matrix.to(x.device, x.dtype))  # type: ignore[no-untyped-call]
    return known


def matrix_of(given: Any) -> Tensor:
    """Return a Jacobian as a tensor; SciPy's sparse matrices stay sparse, and its operators are multiplied out."""
    if hasattr(given, "matmat"):
        return numbers_of("jac", given.matmat(np.eye(given.shape[1])))
    if not hasattr(given, "tocoo"):
        return numbers_of("jac", given)
    entries = given.tocoo()
    places = np.stack([entries.row, entries.col])
    data = numbers_of("jac", entries.data)
    return torch.sparse_coo_tensor(torch.from_numpy(places), data, entries.shape, check_invariants=True).coalesce()
