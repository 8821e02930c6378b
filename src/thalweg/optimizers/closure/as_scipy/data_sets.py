"""Data and their model as `least_squares` sees them: residuals in standard deviations, of one data set or of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..batches.members import stacked
from ..function.given_numbers import described, numbers_of
from ..function.residual_function import joined
from .deviations import deviations_of
from .first_guess import Model
from .given_jacobian import with_jacobian
from .outside_torch import has_left_torch


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set and its model, `jac` being the model's derivatives; `weigh` measures in standard deviations."""

    f: Model
    jac: Callable[..., Any] | None
    x: Any
    y: Tensor
    weigh: Callable[[Tensor], Tensor]

    def residuals(self, p: Tensor) -> Tensor:
        """Return what the model misses, in standard deviations."""
        return self.weigh(fitting(self._model(p), self.y) - self.y)

    def _model(self, p: Tensor) -> Any:
        return self._values(p) if self.jac is None else with_jacobian(self._values, self._slopes, p)

    def _values(self, p: Tensor) -> Any:
        try:
            return self.f(self.x, *p.unbind())
        except TypeError as error:
            if isinstance(self.x, tuple) and has_left_torch(error):
                raise TypeError(
                    f"curve_fit passes xdata, a list of tensors, to f as a tuple of {len(self.x)} predictors, but f "
                    "takes it for one tensor: unpack it in f, or pass torch.stack(xdata)"
                ) from error
            raise

    def _slopes(self, p: Tensor) -> Any:
        assert self.jac is not None
        return self.jac(self.x, *p.unbind())


class DataSets:
    """Many data sets of one model: `rows` are those of its tensors that have a row for each, `y` first.

    Raises ValueError for data or deviations of another shape.
    """

    def __init__(self, f: Model, x: Any, y: Tensor, sigma: Any) -> None:
        if y.dim() != 2:
            raise ValueError(f"curve_fit(batched=True) needs ydata of shape (batch, m), but got {tuple(y.shape)}")
        if isinstance(x, tuple) and all(column.dim() == 1 for column in x):
            stacked("curve_fit", "xdata", x)  # Predictors are as long as each other.
        self.f, self.x, self.y = f, x, y
        self.sigma = None if sigma is None or not len(y) else deviations_of(sigma, y)
        self.own_x = isinstance(x, Tensor) and x.dim() == 2 and x.shape == y.shape
        self.own_sigma = self.sigma is not None and self.sigma.dim() == 2
        self.rows = (y, *([x] if self.own_x else []), *([self.sigma] if self.own_sigma else []))

    def residuals(self, columns: Any, rows: Any) -> Tensor:
        """Return what some of the data sets miss, in standard deviations; `rows` are theirs."""
        values = of_many(self.f(rows[1] if self.own_x else self.x, *columns), rows[0].shape[1])
        missed: Tensor = values - rows[0]
        return missed if self.sigma is None else missed / (rows[-1] if self.own_sigma else self.sigma)


def fitting(values: Any, y: Tensor) -> Tensor:
    """Return the model's values; raises ValueError where they do not fit the data, TypeError for no real numbers."""
    tensor = real_values(numbers_of("what f returns", joined(values)))
    if tensor.dim() and y.dim() and tensor.shape != y.shape:
        raise ValueError(
            f"curve_fit needs f to return values of the shape {tuple(y.shape)} of ydata, but got {tuple(tensor.shape)}"
        )
    return tensor


def of_many(values: Any, count: int) -> Any:
    """Return the values of some data sets, which a model may be recorded by; the same errors as for one."""
    if values is None or isinstance(values, list | tuple | dict | str):
        raise TypeError(f"curve_fit(batched=True) needs f to return a tensor, but got {described(values)}")
    if isinstance(values, Tensor) and real_values(values).dim() == 2 and values.shape[1] not in (1, count):
        raise ValueError(
            f"curve_fit(batched=True) needs f to return {count} values for each data set, as many as ydata has, but "
            f"got {values.shape[1]}"
        )
    return values


def real_values(values: Tensor) -> Tensor:
    """Return the values of a model; raises TypeError where they are complex or conditions."""
    if values.is_complex() or values.dtype is torch.bool:
        raise TypeError(
            f"curve_fit needs f to return real numbers, but their dtype is {values.dtype}: make real and imaginary "
            "parts points of their own, and numbers of conditions by torch.where"
        )
    return values
