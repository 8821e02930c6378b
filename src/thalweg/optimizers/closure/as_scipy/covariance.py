"""How sure an answer is: the covariance of a fit, from its Jacobian or its Hessian."""

from __future__ import annotations

import torch
from torch import Tensor

from ....warned import warn


def fit_covariance(jacobian: Tensor, squares: Tensor, absolute_sigma: bool = False) -> Tensor:
    """Return (J'J)^-1, times the variance of a residual unless the residuals are in units of their deviations.

    `jacobian` has shape (..., m, n), `squares`, the sum of the m squared residuals, shape (...); the result has shape
    (..., n, n). The variance is squares / (m - n). Where data do not tell the parameters, all entries are infinite,
    and a RuntimeWarning says why. SciPy's `curve_fit` computes the same.
    """
    m, n = jacobian.shape[-2:]
    if m < n or (m == n and not absolute_sigma):
        return undetermined(jacobian, f"{m} residuals for {n} parameters leave none over: give more points")
    if not bool(jacobian.isfinite().all()):
        return undetermined(jacobian, "the Jacobian is not finite at the answer")
    inverse, singular = inverse_of_products(jacobian)
    if bool(singular.any()):
        say(f"{count(singular)}some parameters change no residual, or only together: the Jacobian has lower rank")
    spread = inverse if absolute_sigma else inverse * (squares / (m - n))[..., None, None]
    return torch.where(singular[..., None, None], torch.inf, spread)


def inverse_of_products(jacobian: Tensor) -> tuple[Tensor, Tensor]:
    """Return (J'J)^-1 and whether J has lower rank; columns of unit length make both the same in any units."""
    m, n = jacobian.shape[-2:]
    lengths = torch.linalg.vector_norm(jacobian, dim=-2)
    known = torch.where(lengths > 0, lengths, 1.0)
    _, triangle = torch.linalg.qr(jacobian / known[..., None, :], mode="r")
    _, values, right = torch.linalg.svd(triangle, full_matrices=False)
    lowest = max(m, n) * torch.finfo(values.dtype).eps * values[..., :1]
    singular = ~(values > lowest).all(-1)
    roots = right / torch.where(values > lowest, values, 1.0)[..., None] / known[..., None, :]
    return roots.mT @ roots, singular


def undetermined(jacobian: Tensor, why: str) -> Tensor:
    """Return a covariance of infinities, and warn."""
    say(why)
    n = jacobian.shape[-1]
    return jacobian.new_full((*jacobian.shape[:-2], n, n), torch.inf)


def say(why: str) -> None:
    """Warn that there is no covariance."""
    warn(f"There is no covariance of the parameters, so all its entries are inf: {why}")


def count(singular: Tensor) -> str:
    """Return how many fits of a batch are meant."""
    return "" if singular.dim() == 0 else f"in {int(singular.sum())} of {singular.numel()} fits "
