"""SciPy's `curve_fit` on tensors: a model, data, and how sure its parameters are; also for many data sets at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....state.interrupts import keeping_grad_mode
from ..batches.members import refuse, stacked
from ..function.given_numbers import numbers_of
from ..function.residual_function import joined
from ..options import check_function
from ..scipy_names.outcome import FitOutcome
from ..scipy_names.scipy_fits import sides_of
from ..scipy_names.scipy_words import function_given
from .as_called import as_called
from .data_read import check_data, numbers, predictors, real
from .first_guess import Model, guessed
from .given_jacobian import with_jacobian
from .least_squares import least_squares
from .missing_points import check_policy, without_missing

WORDS = {"x0": "p0", "residuals": "values of f", "from x with": "from its parameters with"}
"""What `least_squares` speaks of, as `curve_fit` calls it."""


@keeping_grad_mode
def curve_fit(
    f: Model,
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = None,
    method: str | None = None,
    jac: Callable[..., Any] | str | None = None,
    *,
    nan_policy: str | None = None,
    full_output: bool = False,
    batched: bool = False,
    **options: Any,
) -> tuple[Any, ...]:
    """Return the parameters p that bring f(xdata, *p) closest to `ydata`, and their covariance: (popt, pcov).

    - `f(x, *p)` is written with torch's functions and returns values of the shape of `ydata`, or of any shape where
      `ydata` is one number; `xdata`, of any shape, is passed on, a list of tensors as a tuple of predictors.
    - `p0` are the n first guesses; by default ones, or the middle of the bounds, as many as `f` has parameters.
    - `sigma` is the standard deviation of the data, one number or one for each of the m points, inf for a point that is
      not to count; or their covariance, shape (m, m).
    - `absolute_sigma=True` takes it in the units of `ydata`; else only its proportions count, and the covariance of the
      parameters is multiplied by the variance that the residuals show.
    - `bounds` is a pair (low, high) of numbers or sequences of n, or SciPy's `Bounds`.
    - `jac(x, *p)` returns the derivatives of `f`, shape (m, n); then `f` may be computed with anything. None, and
      SciPy's "2-point", "3-point" and "cs", stand for autograd.
    - `nan_policy="omit"` leaves out points that are NaN; with None and "raise" they are refused, whatever
      `check_finite` says, as are infinite ones.
    - `method` may be one of SciPy's; it changes nothing.
    - `full_output=True` adds a dict with `nfev` and the weighted residuals `fvec`, the message, and 1, as SciPy does.
    - `batched=True`: `ydata` has shape (batch, m), `xdata` (m,) or (batch, m), `p0` (n,) or (batch, n), `sigma` is a
      number, (m,) or (batch, m). `f` is called with parameters of shape (b, m), each point with its own copy, or (b, 1)
      where its value at one point depends on other points; it is compiled where it can be, else called from as many
      threads as torch has. popt has shape (batch, n), pcov (batch, n, n), infinite for a fit that found no minimum.
    - `options` go on to `least_squares`: loss, f_scale, x_scale, max_iter, differentiable and others, also under
      SciPy's names: `maxfev`, `ftol`, `method` and the like. With `differentiable=True` popt has a derivative by the
      data, but pcov has none, and says so when it is asked for one.

    Lists, arrays and whole numbers become float64. Where the data leave the parameters open, the covariance is
    infinite, with a RuntimeWarning. Raises RuntimeError where no minimum was found, ValueError for data that are not
    finite, or shapes that do not fit.
    """
    check_function("curve_fit", "f", f)
    refuse_arguments(options)
    check_policy(nan_policy, batched)
    y = real("ydata", stacked("curve_fit", "ydata", ydata) if batched else ydata)
    x = predictors(xdata, y)
    if nan_policy == "omit":
        x, y, sigma = without_missing(x, y, sigma)
    if not (batched and y.shape[:1] == (0,)):
        check_data(x, y)
    bounds = sides_of("curve_fit", bounds)
    guess = guessed(f, p0, bounds, batched).to(y)
    slopes = function_given("curve_fit", "jac", jac)
    if batched:
        refuse("curve_fit", jac=slopes)
        options |= {"method": method}
        return fit_batch(f, x, y, guess, sigma, absolute_sigma, bounds, full_output, options)
    settings = {"bounds": bounds, "absolute_sigma": absolute_sigma, "method": method, **options}
    return fit_one(DataSet(f, slopes, x, y, weights_of(sigma, y)), guess, full_output, settings)


def fit_one(data: DataSet, guess: Tensor, full_output: bool, options: dict[str, Any]) -> tuple[Any, ...]:
    """Return popt and pcov of one data set; raises RuntimeError where no minimum was found."""
    with as_called("least_squares", "curve_fit", WORDS):
        fit = least_squares(data.residuals, guess, **options)
    if not fit.success:
        raise RuntimeError(f"curve_fit found no parameters: {fit.message}")
    if not full_output:
        return fit.x, fit.covariance
    with torch.no_grad():
        information = {"nfev": fit.nfev, "fvec": data.residuals(fit.x.detach())}
    return fit.x, fit.covariance, information, fit.message, 1


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
        return self.f(self.x, *p.unbind())

    def _slopes(self, p: Tensor) -> Any:
        assert self.jac is not None
        return self.jac(self.x, *p.unbind())


def fit_batch(
    f: Model,
    x: Any,
    y: Tensor,
    guess: Tensor,
    sigma: Any,
    absolute_sigma: bool,
    bounds: Any,
    full_output: bool,
    options: dict[str, Any],
) -> tuple[Any, ...]:
    """Return popt and pcov of every row of `y`."""
    data = DataSets(f, x, y, sigma)
    if guess.dim() == 2 and len(guess) != len(y):
        raise ValueError(
            f"curve_fit(batched=True) needs p0 of shape (n,) or with a row for each of the {len(y)} data sets, but got "
            f"{tuple(guess.shape)}"
        )
    with as_called("least_squares", "curve_fit", WORDS):
        fit: FitOutcome = least_squares(
            lambda p, *rows: data.residuals([column[:, None] for column in p.unbind(1)], rows),
            guess.expand(len(y), -1),
            args=data.rows,
            bounds=bounds,
            batched=True,
            model=data.residuals,
            covariance=True,
            absolute_sigma=absolute_sigma,
            **options,
        )
    if not full_output:
        return fit.x, fit.covariance
    return fit.x, fit.covariance, {"nfev": fit.nfev, "success": fit.success}, fit.message, 1


class DataSets:
    """Many data sets of one model: `rows` are those of its tensors that have a row for each, `y` first.

    Raises ValueError for data or deviations of another shape.
    """

    def __init__(self, f: Model, x: Any, y: Tensor, sigma: Any) -> None:
        if y.dim() != 2:
            raise ValueError(f"curve_fit(batched=True) needs ydata of shape (batch, m), but got {tuple(y.shape)}")
        if isinstance(x, tuple) and all(column.dim() == 1 for column in x):
            stacked("curve_fit", "xdata", x)  # Predictors are as long as each other.
        self.f, self.x = f, x
        self.sigma = None if sigma is None or not len(y) else deviations_of(sigma, y)
        self.own_x = isinstance(x, Tensor) and x.dim() == 2 and x.shape == y.shape
        self.own_sigma = self.sigma is not None and self.sigma.dim() == 2
        self.rows = (y, *([x] if self.own_x else []), *([self.sigma] if self.own_sigma else []))

    def residuals(self, columns: Any, rows: Any) -> Tensor:
        """Return what some of the data sets miss, in standard deviations; `rows` are theirs."""
        values = self.f(rows[1] if self.own_x else self.x, *columns)
        if isinstance(values, Tensor) and values.dim() == 2 and values.shape[1] not in (1, rows[0].shape[1]):
            raise ValueError(
                f"curve_fit(batched=True) needs f to return {rows[0].shape[1]} values for each data set, as many as "
                f"ydata has, but got {values.shape[1]}"
            )
        missed: Tensor = values - rows[0]
        return missed if self.sigma is None else missed / (rows[-1] if self.own_sigma else self.sigma)


def refuse_arguments(options: dict[str, Any]) -> None:
    """Raise TypeError for arguments that the model is to be given besides its parameters, as SciPy does."""
    for name in ("args", "kwargs"):
        if name in options:
            raise TypeError(
                f"curve_fit has no {name}, since f is called with xdata and the parameters alone: pass "
                "lambda x, *p: f(x, *p, ...) for f"
            )


def deviations_of(sigma: Any, y: Tensor) -> Tensor:
    """Return the standard deviations of data sets; raises ValueError for another shape, or one not above zero."""
    deviations = numbers("sigma", sigma, finite=False)
    if deviations.dim() and deviations.shape not in (y.shape[1:], y.shape):
        raise ValueError(
            f"curve_fit(batched=True) needs sigma as a number, of shape {tuple(y.shape[1:])} or {tuple(y.shape)}, but "
            f"got {tuple(deviations.shape)}"
        )
    return positive(deviations)


def weights_of(sigma: Any, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function that measures residuals in their standard deviations.

    Raises ValueError for a sigma of another length, that is not above zero, or no covariance.
    """
    if sigma is None:
        return lambda residuals: residuals
    given = numbers("sigma", sigma, finite=False).to(y)
    m = y.numel()
    if given.numel() == 1 or given.shape == y.shape or (y.dim() == 0 and given.dim() == 1):
        deviations = positive(given)
        return lambda residuals: residuals / deviations
    if given.shape != (m, m):
        raise ValueError(
            f"curve_fit needs sigma as a number, of the shape {tuple(y.shape)} of ydata, or as a covariance of shape "
            f"{(m, m)}, but got {tuple(given.shape)}"
        )
    lower, wrong = torch.linalg.cholesky_ex(given)
    if int(wrong) or not bool(given.isfinite().all()):
        raise ValueError("curve_fit needs a sigma of two dimensions to be positive definite, as covariances are")
    return lambda residuals: torch.linalg.solve_triangular(lower, residuals.reshape(-1, 1), upper=False)[:, 0]


def positive(sigma: Tensor) -> Tensor:
    """Return standard deviations; raises ValueError where one is not above zero."""
    bad = int((~(sigma > 0)).sum())
    if bad:
        raise ValueError(f"curve_fit needs sigma above 0, but {bad} of its {sigma.numel()} numbers are not")
    return sigma


def fitting(values: Any, y: Tensor) -> Tensor:
    """Return the model's values; raises ValueError where they do not fit the data, TypeError for no real numbers."""
    tensor = numbers_of("what f returns", joined(values))
    if tensor.is_complex() or tensor.dtype is torch.bool:
        raise TypeError(f"curve_fit needs f to return real numbers, but their dtype is {tensor.dtype}")
    if tensor.dim() and y.dim() and tensor.shape != y.shape:
        raise ValueError(
            f"curve_fit needs f to return values of the shape {tuple(y.shape)} of ydata, but got {tuple(tensor.shape)}"
        )
    return tensor
