"""Functions that leave torch on their way: what SciPy differentiates by differences has no gradient here."""

from __future__ import annotations

SIGNS = ("Can't call numpy() on Tensor that requires grad", "only integer tensors of a single element")
"""What torch says where NumPy is given a tensor that wants a gradient."""


def outside_torch(owner: str, what: str, error: Exception) -> Exception:
    """Return the error for a function that has raised one: NumPy's part in it is named, any other is left as it is."""
    return left_torch(owner, what) if any(sign in str(error) for sign in SIGNS) else error


def left_torch(owner: str, what: str) -> TypeError:
    """Return the error for a function through which no gradient flows."""
    return TypeError(
        f"{owner} differentiates {what} by autograd, but no gradient flows through it: write it with torch's functions "
        "of x, without NumPy, math, .item() or detach(), or give its derivative as jac"
    )
