"""SciPy's `curve_fit` on tensors: a model, data, and how sure its parameters are; also for many data sets at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor

from ....hyper import check_flags
from ....state.interrupts import keeping_grad_mode
from ..batches.members import check_options, refuse
from ..options import check_function
from ..scipy_names.outcome import FitOutcome
from ..scipy_names.scipy_fits import OPTIONS as SCIPYS
from ..scipy_names.scipy_fits import WITHOUT_USE, sides_of
from ..scipy_names.scipy_words import function_given
from .as_called import as_called
from .data_read import data_read
from .data_sets import DataSet, DataSets
from .deviations import weights_of
from .first_guess import Model, guessed
from .least_squares import least_squares

OF_MANY = ("loss", "f_scale", "max_iter", "tolerance")
ALONE = ("x_scale", "max_eval", "callback", "differentiable")
OF_ONE = (*OF_MANY[:3], *ALONE, "tolerance_grad", "tolerance_change", "scaled", "dense_size", "lr")
"""Options that go on to `least_squares`: for many data sets, for one alone, and all those for one."""

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
    flags = {"absolute_sigma": absolute_sigma, "check_finite": check_finite, "full_output": full_output}
    check_flags("curve_fit", batched=batched, **flags)
    check_named(options, batched)
    x, y, sigma = data_read(xdata, ydata, sigma, nan_policy, bool(batched))
    sides = sides_of("curve_fit", bounds)
    guess = guessed(f, p0, sides, bool(batched)).to(y)
    slopes = function_given("curve_fit", "jac", jac)
    settings = {"bounds": sides, "absolute_sigma": absolute_sigma, "method": method, **options}
    if batched:
        refuse("curve_fit", jac=slopes)
        return fit_many(DataSets(f, x, y, sigma), guess, full_output, settings)
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


def fit_many(data: DataSets, guess: Tensor, full_output: bool, options: dict[str, Any]) -> tuple[Any, ...]:
    """Return popt and pcov of every data set; raises ValueError for other numbers of guesses."""
    count = len(data.y)
    if guess.dim() == 2 and len(guess) != count:
        raise ValueError(
            f"curve_fit(batched=True) needs p0 of shape (n,) or with a row for each of the {count} data sets, but got "
            f"{tuple(guess.shape)}"
        )
    with as_called("least_squares", "curve_fit", WORDS):
        fit: FitOutcome = least_squares(
            lambda p, *rows: data.residuals([column[:, None] for column in p.unbind(1)], rows),
            guess.expand(count, -1),
            args=data.rows,
            batched=True,
            model=data.residuals,
            covariance=True,
            **options,
        )
    if not full_output:
        return fit.x, fit.covariance
    return fit.x, fit.covariance, {"nfev": fit.nfev, "success": fit.success}, fit.message, 1


def check_named(options: Collection[str], batched: bool) -> None:
    """Raise TypeError for what `least_squares` is not to be given: arguments of the model, which SciPy refuses, too."""
    for name in ("args", "kwargs"):
        if name in options:
            raise TypeError(
                f"curve_fit has no {name}, since f is called with xdata and the parameters alone: pass "
                "lambda x, *p: f(x, *p, ...) for f"
            )
    owner, ours = ("curve_fit(batched=True)", OF_MANY) if batched else ("curve_fit", OF_ONE)
    check_options(owner, [name for name in options if name not in (*SCIPYS, *WITHOUT_USE, *ALONE)], ours)
