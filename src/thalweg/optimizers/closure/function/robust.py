"""Robust losses: what a large residual counts for, so that a few wrong points do not decide a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ....hyper import is_among
from .given_numbers import described, numbers_of

Rho = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""rho(z) of squared residuals z, with its first and second derivative, each of the shape of z."""


def huber(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return z up to one, 2 sqrt(z) - 1 beyond: squares near, sizes far away. Huber 1964."""
    root = z.clamp_min(1).sqrt()
    inside = z <= 1
    return torch.where(inside, z, 2 * root - 1), 1 / root, torch.where(inside, 0.0, -0.5 / root**3)


def soft_l1(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return 2 (sqrt(1 + z) - 1): Huber's loss without the corner. Charbonnier et al. 1997."""
    root = (1 + z).sqrt()
    return 2 * z / (1 + root), 1 / root, -0.5 / root**3


def cauchy(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return log(1 + z): the likelihood of Cauchy's distribution, for residuals that are wrong by any amount."""
    return z.log1p(), 1 / (1 + z), -1 / (1 + z) ** 2


def arctan(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the arc of tangent z: no residual counts for more than pi / 2."""
    square = 1 + z**2
    return z.atan(), 1 / square, -2 * z / square**2


LOSSES: dict[str, Rho] = {"huber": huber, "soft_l1": soft_l1, "cauchy": cauchy, "arctan": arctan}
"""The losses by SciPy's names; "linear", the plain squares, is none of them."""


def given_rho(loss: Callable[..., Any]) -> Rho:
    """Return rho as the user gives it, written with torch's functions, or with NumPy's as SciPy wants it.

    Raises ValueError where it does not return three rows, rho(z) and its two derivatives.
    """

    def rho(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        try:
            returned = loss(z)
        except (TypeError, AttributeError):
            returned = loss(z.numpy(force=True))
        rows = list(returned) if isinstance(returned, tuple | list | Tensor | np.ndarray) else []
        if len(rows) != 3:
            raise ValueError(
                f"loss must return rho(z), rho'(z) and rho''(z), three rows of {z.numel()}, but got "
                f"{described(returned)}"
            )
        value, slope, second = (numbers_of("what loss returns", row).to(z).expand_as(z) for row in rows)
        return value, slope, second

    return rho


class Weights(NamedTuple):
    """A robust loss near some residuals: slope and bend, one number for each residual."""

    slope: Tensor
    bend: Tensor

    def residuals(self, residuals: Tensor) -> Tensor:
        """Return the residuals whose plain squares have the robust loss's gradient, with `jacobian`."""
        return residuals * self.slope / self.bend.sqrt()

    def jacobian(self, jacobian: Tensor) -> Tensor:
        """Return the Jacobian with J'J near the robust loss's Hessian; residuals are its rows."""
        return jacobian * self.bend.sqrt()[:, None]


class Robust:
    """C^2 / 2 sum rho((r / C)^2) for the scale C: residuals much smaller than C count as their squares.

    Triggs, McLauchlan, Hartley & Fitzgibbon 2000, "Bundle adjustment: a modern synthesis", section 4.3, is where the
    weights come from. https://doi.org/10.1007/3-540-44480-7_21
    """

    def __init__(self, rho: Rho, scale: float) -> None:
        self.rho = rho
        self.scale = scale

    def cost(self, residuals: Tensor) -> Tensor:
        """Return the loss, one number."""
        return 0.5 * self.scale**2 * self.rho((residuals / self.scale).square())[0].sum(-1)

    def weights(self, residuals: Tensor, floor: float) -> Weights:
        """Return rho' and rho' + 2 z rho''; the bend, negative far out, is at least `floor` of the slope."""
        z = (residuals / self.scale).square()
        _, slope, second = self.rho(z)
        return Weights(slope, torch.maximum(slope + 2 * z * second, floor * slope))


def robust_loss(owner: str, loss: str | Rho, f_scale: float) -> Robust | None:
    """Return the loss by its name or as rho itself; None for plain squares.

    Raises ValueError for a name that is not known, or a scale that is no positive number.
    """
    is_number = isinstance(f_scale, float | int | Tensor | np.number) and not isinstance(f_scale, bool)
    is_number = is_number and (not isinstance(f_scale, Tensor) or f_scale.numel() == 1)
    if not is_number or not 0 < float(f_scale) < float("inf"):
        raise ValueError(
            f"{owner} needs f_scale, the size of an ordinary residual, to be above 0, but got {described(f_scale)}"
        )
    if callable(loss):
        return Robust(given_rho(loss), float(f_scale))
    if not is_among(loss, ("linear", *LOSSES)):
        words = ", ".join(repr(word) for word in ("linear", *LOSSES))
        raise ValueError(f"{owner} needs loss to be one of {words} or a function of z, but got {loss!r}")
    return None if loss == "linear" else Robust(LOSSES[loss], float(f_scale))
