"""Residuals and Jacobians of all rows of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...function.given_numbers import numbers_of
from ...function.weighed import weighed_slopes

Residuals = Callable[..., Tensor]
"""Maps x of shape (b, n), and each argument's b rows, to residuals of shape (b, m), row by row."""

Model = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
"""Maps each parameter and each row of data, of shape (b, m), to residuals of that shape."""

Linearized = Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]
"""Maps x (b, n) and arguments to the residuals (b, m) and n columns of the Jacobian, each (b, m)."""


def by_autograd(residuals: Residuals) -> Linearized:
    """Return the function that differentiates J'u by u for each unknown: one pass for a column of all rows.

    Forward mode would do the same in as many passes, but for some operations torch has no rule for it.
    """

    def linearized(x: Tensor, args: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            values = checked(residuals(leaf, *args), x)
            if not values.requires_grad:
                return values, [torch.zeros_like(values) for _ in x.unbind(1)]
            u = torch.zeros_like(values, requires_grad=True)
            (slopes,) = weighed_slopes([values], [u], leaf, create_graph=True)
            columns = [derivative(slope, u) for slope in slopes.sum(0)]
        return values.detach(), columns

    return linearized


def derivative(number: Tensor, u: Tensor) -> Tensor:
    """Return the derivative of one number by u, zero where it does not depend on it."""
    if not number.requires_grad:
        return torch.zeros_like(u)
    (slope,) = torch.autograd.grad(number, u, retain_graph=True, materialize_grads=True)
    return slope


def by_given(residuals: Residuals, jac: Callable[..., Any]) -> Linearized:
    """Return the function that takes the user's Jacobian, shape (b, m, n).

    Raises ValueError for another shape.
    """

    def linearized(x: Tensor, args: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        values, jacobian = checked(residuals(x, *args), x), numbers_of("jac", jac(x, *args))
        if jacobian.shape != (*values.shape, x.shape[1]):
            raise ValueError(
                f"jac must return one derivative for each residual and unknown, shape {(*values.shape, x.shape[1])}, "
                f"but got {tuple(jacobian.shape)}"
            )
        return values, jacobian.unbind(-1)

    return linearized


def checked(values: Any, x: Tensor) -> Tensor:
    """Return the residuals; raises TypeError or ValueError where they are not one row of real numbers per problem."""
    if not isinstance(values, Tensor) or not values.is_floating_point():
        kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise TypeError(
            f"least_squares needs the residuals as a real tensor, but got {kind}: join them by torch.stack or "
            "torch.cat, and complex ones by torch.view_as_real"
        )
    if values.dim() != 2 or values.shape[0] != x.shape[0]:
        raise ValueError(
            f"least_squares(batched=True) needs residuals of shape (b, m) for x of shape (b, n), but got "
            f"{tuple(values.shape)} for {tuple(x.shape)}; what belongs to a row must be in args"
        )
    if values.shape[0] and not values.shape[1]:
        raise ValueError("least_squares(batched=True) needs at least one residual in each row, but got none")
    return values


def pointwise(model: Model) -> Linearized:
    """Return the function that differentiates a model whose value at a point depends on that point alone.

    Each point is given its own copy of the parameters; then one backward pass finds all columns of J at once. The first
    call looks at a row column by column, too; where they differ, points depend on each other, and columns it is.
    """
    slow = by_autograd(lambda p, *rows: model([column[:, None] for column in p.unbind(1)], rows))
    ways: list[Linearized] = []

    def linearized(x: Tensor, args: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        if not ways and len(x):
            ways.append(fast if agree(fast, slow, x[:1], [arg[:1] for arg in args]) else slow)
        return (ways[0] if ways else slow)(x, args)

    def fast(x: Tensor, args: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        copies = [column[:, None].expand_as(args[0]).detach() for column in x.unbind(1)]
        return derivatives(lambda *given: checked(model(*given), x), copies, args)

    return linearized


def derivatives(model: Model, copies: Sequence[Tensor], args: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
    """Return the residuals of a model, and their derivatives by each point's own copies of the parameters."""
    copies = [copy.requires_grad_() for copy in copies]
    with torch.enable_grad():
        values = model(copies, args)
        ones = values.new_ones(()).expand_as(values)
        columns = torch.autograd.grad(values, copies, ones, materialize_grads=True)
    return values.detach(), columns


def agree(one: Linearized, other: Linearized, x: Tensor, args: Sequence[Tensor]) -> bool:
    """Return whether two ways to differentiate give the same, but for rounding."""
    try:
        values, columns = one(x, args)
    except RuntimeError:
        return False
    expected, slopes = other(x, args)
    rounding = torch.finfo(x.dtype).eps ** 0.5
    pairs = [(values, expected), *zip(columns, slopes, strict=True)]
    return all(a.shape == b.shape and torch.allclose(a, b, rounding, rounding, equal_nan=True) for a, b in pairs)
