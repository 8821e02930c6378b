"""What the functions given to `minimize` and `least_squares` return: an error speaks of them, not of a closure."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..function.given_numbers import described, is_whole, numbers_of
from ..function.residual_function import joined
from .outside_torch import no_gradient


def loss_read(value: Any) -> Any:
    """Return the loss of `fun` as a tensor; raises TypeError or ValueError for what is not one real number."""
    if type(value) is Tensor and not value.dim() and value.is_floating_point():
        return value
    if type(value) is float:
        return numbers_of("the loss that minimize's fun returns", value)
    if value is None or isinstance(value, str | tuple | dict):
        raise TypeError(
            f"minimize needs fun to return the loss, one real number, but got {described(value)}: end it with "
            "`return loss`, or pass jac=True where it returns the gradient as well"
        )
    if is_whole(value):
        raise TypeError(
            f"minimize needs fun to return the loss as a float, but got {getattr(value, 'dtype', value)}: a truth "
            "value or a count has no slope that leads to a minimum"
        )
    numbers = numbers_of("the loss that minimize's fun returns", value)
    if numbers.numel() != 1 or numbers.is_complex():
        raise ValueError(
            f"minimize needs fun to return one real number, but got shape {tuple(numbers.shape)} and dtype "
            f"{numbers.dtype}: return loss.mean() or loss.sum(), and abs() or .real of what is complex"
        )
    return numbers


def with_graph(value: Any) -> Any:
    """Return a loss that autograd can differentiate; raises RuntimeError for another, but where it is no number.

    Where the loss is infinite or NaN it needs no gradient: such a point lies outside its domain.
    """
    if isinstance(value, Tensor) and value.requires_grad:
        return value
    if bool(numbers_of("the loss", value).isfinite().all()):
        raise no_gradient("minimize", "losses")
    return value


def residuals_read(residuals: Any) -> Tensor:
    """Return residuals as one tensor with a graph; raises TypeError, ValueError or RuntimeError for what is none."""
    residuals = joined(residuals)
    if is_whole(residuals):
        raise TypeError(
            f"least_squares needs residuals to return floats, but got {getattr(residuals, 'dtype', residuals)}: truth "
            "values and counts have no derivative"
        )
    if not isinstance(residuals, Tensor) or not residuals.is_floating_point():
        raise TypeError(
            "least_squares needs residuals to return a real tensor, or a list of them, but got "
            f"{residuals.dtype if isinstance(residuals, Tensor) else described(residuals)}: join them by torch.stack "
            "or torch.cat, and complex ones by torch.view_as_real"
        )
    if not residuals.numel():
        raise ValueError("least_squares needs residuals to return at least one number, but got none")
    if not residuals.requires_grad:
        raise no_gradient("least_squares", "residuals")
    return residuals
