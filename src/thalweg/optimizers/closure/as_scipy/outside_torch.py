"""Functions that leave torch on their way: what SciPy differentiates by differences has no gradient here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..function.no_gradient import NoGradientError

SIGNS = (
    "Can't call numpy() on Tensor that requires grad",
    "only integer tensors of a single element",
    # np.sum and np.mean call methods of a tensor; so says torch 2.13, and then 2.11.
    "got an unexpected keyword argument 'axis'",
    "out=NoneType",
    "not implemented for NumPy arrays",
)
"""What torch says where NumPy is given a tensor that wants a gradient."""

BOTH = ("numpy.ndarray", "Tensor")
"""What errors name where an array meets a tensor, as in `A @ x`."""


def has_left_torch(error: Exception) -> bool:
    """Return whether an error is torch's about NumPy's part in a function."""
    return any(sign in str(error) for sign in SIGNS) or all(kind in str(error) for kind in BOTH)


def no_gradient(owner: str, what: str) -> RuntimeError:
    """Return the error for a function through which no gradient flows."""
    return RuntimeError(
        f"{owner} got {what} through which no parameter has a gradient: compute them from x and tensors, which "
        "torch.as_tensor makes of arrays, with torch's functions, without NumPy, math, .item() or detach(), or give "
        "their derivative as jac"
    )


@contextmanager
def speaking_of(owner: str, what: str) -> Iterator[None]:
    """Let the error for a function that does not depend on x speak of what was called, and not of a closure."""
    try:
        yield
    except NoGradientError as error:
        raise no_gradient(owner, what) from error
