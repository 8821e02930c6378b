"""Data as `curve_fit` reads them: numbers of any kind become tensors, and must be real and finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..batches.members import stacked
from ..function.given_numbers import numbers_of, strange_in
from .missing_points import check_policy, without_missing


def data_read(xdata: Any, ydata: Any, sigma: Any, nan_policy: str | None, batched: bool) -> tuple[Any, Tensor, Any]:
    """Return predictors, data and deviations, without the points that are not known where they are to be left out."""
    check_policy(nan_policy, batched)
    y = real("ydata", stacked("curve_fit", "ydata", ydata) if batched else ydata)
    x = predictors(xdata, y)
    if nan_policy == "omit":
        x, y, sigma = without_missing(x, y, sigma)
    if not (batched and y.shape[:1] == (0,)):
        check_data(x, y)
    return x, y, sigma


def numbers(name: str, given: Any, finite: bool = True) -> Tensor:
    """Return data as floats; raises ValueError for data that are not finite, or none."""
    return checked(name, real(name, given), finite)


def checked(name: str, tensor: Tensor, finite: bool = True) -> Tensor:
    """Return data; raises ValueError for data that are not finite, or none."""
    if not tensor.numel():
        raise ValueError(f"curve_fit needs {name} with at least one point, but it is empty")
    least, most = tensor.detach().aminmax()
    # Only where something is wrong it is counted, which takes several times as long.
    bad = 0 if bool(least.isfinite() & most.isfinite()) else int((~tensor.detach().isfinite()).sum())
    if finite and bad:
        raise ValueError(
            f"curve_fit needs finite {name}, but {bad} of its {tensor.numel()} are not: leave them out, or give "
            "them finite values and sigma=inf"
        )
    return tensor


def real(name: str, given: Any) -> Tensor:
    """Return data as floats; raises TypeError for what is none."""
    try:
        tensor = numbers_of(name, given)
    except TypeError as error:
        raise TypeError(f"curve_fit needs {name} as real numbers, but got {strange_in(given)}") from error
    if tensor.is_complex():
        raise TypeError(
            f"curve_fit needs real {name}, but its dtype is {tensor.dtype}: make real and imaginary parts points "
            "of their own"
        )
    return tensor if tensor.is_floating_point() else tensor.double()


def predictors(xdata: Any, y: Tensor) -> Any:
    """Return what the model is given, its numbers as tensors that are as wide as the data."""
    if isinstance(xdata, list | tuple) and any(getattr(column, "shape", ()) for column in xdata):
        return tuple(as_wide(real("xdata", column), y) for column in xdata)
    is_data = isinstance(xdata, Tensor | list | tuple) or hasattr(xdata, "__array__")
    return as_wide(real("xdata", xdata), y) if is_data and not isinstance(xdata, dict) else xdata


def as_wide(column: Tensor, y: Tensor) -> Tensor:
    """Return a predictor whose rounding is no coarser than that of the data: the model's values would inherit it."""
    return column.to(torch.promote_types(column.dtype, y.dtype))


def check_data(x: Any, y: Tensor) -> None:
    """Raise ValueError for data, or predictors that are numbers, that are not finite, or none."""
    checked("ydata", y)
    for column in x if isinstance(x, tuple) else (x,):
        if isinstance(column, Tensor):
            checked("xdata", column)
