"""Numbers that users give: NumPy's arrays of any kind, lists, Python's numbers; none of them loses a digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def numbers_of(what: str, given: Any) -> Tensor:
    """Return a tensor as it is, other numbers as a copy in float64 or complex128: any order of bytes, any strides.

    Raises TypeError, which says `what`, for what has no numbers, and ValueError for a tensor of shape and dtype alone.
    """
    if isinstance(given, Tensor):
        if given.is_meta:
            raise ValueError(f"{what} must have numbers, but it is on the meta device: make it on the CPU or a GPU")
        return given.clone() if given.is_inference() else given  # autograd takes none that is for inference alone
    if type(given) is float:
        return torch.scalar_tensor(given, dtype=torch.float64, device="cpu")
    if hasattr(given, "toarray") or hasattr(given, "matvec"):
        instead = "pass its toarray(), or a tensor" if hasattr(given, "toarray") else "pass its matrix"
        raise TypeError(f"{what} must be dense, but got {type(given).__name__}: {instead}")
    try:
        return torch.from_numpy(array_of(given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{what} must be numbers, but got {strange_in(given)}") from error


def like(what: str, given: Any, tensor: Tensor) -> Tensor:
    """Return numbers with the shape, dtype and device of a tensor.

    Raises TypeError, which says `what`, for what has no numbers or complex ones for real, ValueError for another count.
    """
    numbers = numbers_of(what, given).detach()
    if numbers.dtype is tensor.dtype and numbers.shape == tensor.shape and numbers.device == tensor.device:
        return numbers
    if numbers.is_complex() and not tensor.is_complex():
        raise TypeError(f"{what} must return real numbers, as x is real, but their dtype is {numbers.dtype}")
    if numbers.numel() != tensor.numel():
        raise ValueError(
            f"{what} must return one number for each of the {tensor.numel()} of x, but its shape is "
            f"{tuple(numbers.shape)}"
        )
    return numbers.reshape(tensor.shape).to(tensor.device, tensor.dtype)


def array_of(given: Any) -> np.ndarray:
    """Return numbers as a new array in one of the two widest kinds that torch has."""
    if isinstance(given, list | tuple) and any(isinstance(each, Tensor) for each in given):
        given = [each.tolist() if isinstance(each, Tensor) else each for each in given]
    array = np.asarray(given)
    if array.dtype.kind == "O":
        array = np.array([complex(each) for each in array.ravel()]).reshape(array.shape)
        array = array if array.imag.any() else array.real
    if array.dtype.kind not in "biufc":
        raise TypeError(array.dtype)
    return np.array(array, np.complex128 if array.dtype.kind == "c" else np.float64, order="C")


def is_whole(given: Any) -> bool:
    """Return whether something is a truth value, or a tensor of such or of counts: none is a loss with slopes."""
    of_tensor = isinstance(given, Tensor) and not given.is_floating_point() and not given.is_complex()
    return of_tensor or isinstance(given, bool | np.bool_)


def strange_in(given: Any) -> str:
    """Return what is no number in a list, or which of its members differ in length; else what was given."""
    if not isinstance(given, list | tuple) or not given:
        return described(given)
    for member in given:
        try:
            array_of(member)
        except (TypeError, ValueError, RuntimeError):
            return f"{strange_in(member)} in a {type(given).__name__}"
    shapes = list(dict.fromkeys(np.shape(array_of(member)) for member in given))
    return f"members of shapes {shapes[0]} and {shapes[1]} in a {type(given).__name__}"


def described(given: Any) -> str:
    """Return what stands for something in a sentence: short values as they are, others by their kind and shape."""
    shape = getattr(given, "shape", None)
    if shape is not None and shape != ():
        return f"{type(given).__name__} of shape {tuple(shape)}"
    return repr(given) if isinstance(given, str | int | float | complex | None) else type(given).__name__
