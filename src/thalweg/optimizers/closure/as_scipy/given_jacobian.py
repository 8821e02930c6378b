"""Residuals whose Jacobian the user gives: autograd sees them as a function, whatever they are computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        return (weights.reshape(-1) @ jacobian).view(ctx.shape), None, None


def with_jacobian(function: Callable[[Tensor], Any], jac: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """Return function(x), differentiable by x through jac(x); raises TypeError or ValueError where they do not fit."""
    point = x.detach()
    with torch.no_grad():
        values, jacobian = numbers_of("the residuals", function(point)), numbers_of("jac", jac(point))
    if not values.is_floating_point() or not jacobian.is_floating_point():
        raise TypeError(
            f"jac needs real derivatives of real residuals, but got {jacobian.dtype} for residuals of {values.dtype}"
        )
    if jacobian.numel() != values.numel() * x.numel() or jacobian.shape[-1:] != (x.numel(),):
        raise ValueError(
            f"jac must return one derivative for each residual and unknown, shape {(*values.shape, x.numel())}, but "
            f"got {tuple(jacobian.shape)}"
        )
    known: Tensor = Known.apply(x, values.to(x), jacobian.reshape(-1, x.numel()).to(x))  # type: ignore[no-untyped-call]
    return known
