"""SciPy's `least_squares` on tensors, lists or dicts of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from ....hyper import check_flags
from ....state.interrupts import keeping_grad_mode
from ..batches.least_squares_rows import least_squares_batch
from ..batches.members import check_options, refuse
from ..function.robust import Rho
from ..methods import LevenbergMarquardt
from ..options import check_counts, check_function, check_share
from ..scipy_names.outcome import FitOutcome, fit_outcome_of, nothing_fitted
from ..scipy_names.scipy_fits import OPTIONS, fit_options, sides_of
from ..scipy_names.scipy_words import function_given, plain
from .as_called import as_called, as_written
from .fit import Fit
from .implicit import refuse_graph
from .outside_torch import speaking_of
from .unknowns import Unknowns, differentiable_fields

OF_A_BATCH = ("bounds", "loss", "f_scale", "covariance", "absolute_sigma", "max_iter", "jac", "tolerance", "model")


@keeping_grad_mode
def least_squares(
    residuals: Callable[..., Tensor],
    x0: Any,
    jac: Callable[..., Any] | str | None = None,
    bounds: Any = None,
    method: str | None = None,
    *,
    loss: str | Rho = "linear",
    f_scale: float = 1.0,
    x_scale: Any = None,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[[Any], object] | None = None,
    max_iter: int = 15_000,
    max_eval: int | None = None,
    covariance: bool = False,
    absolute_sigma: bool = False,
    differentiable: bool = False,
    batched: bool = False,
    **options: Any,
) -> FitOutcome:
    """Return the least sum of squares of `residuals`, by Levenberg and Marquardt's method; `cost` is half that sum.

    `residuals(x, *args, **kwargs)` takes what `x0` is, as for `minimize`, and returns a real tensor of any shape, or a
    list of such tensors.

    - `jac(x, *args, **kwargs)` is the Jacobian, shape (m, n), for an x0 of one tensor; then `residuals` may be computed
      with anything. None, and SciPy's "2-point", "3-point" and "cs", stand for autograd.
    - `bounds` is a pair (low, high) of numbers, sequences or tensors, SciPy's `Bounds`, or for several tensors a list
      or dict of such pairs, one per tensor; None bounds nothing.
    - `loss` is "linear", the squares themselves, or says what large residuals count for: "huber", "soft_l1", "cauchy",
      "arctan", or a function of the squares z that returns rho(z), rho'(z) and rho''(z). Then `cost` is
      f_scale^2 / 2 sum rho((residual / f_scale)^2).
    - `f_scale` is the size of a residual that is still ordinary.
    - `x_scale` is the size of each number: a number or tensor (a list or dict of them for several tensors), or "jac"
      to go by the largest norms of the Jacobian's columns.
    - `covariance=True` adds `covariance`, shape (n, n) over the n real numbers in their order: (J'J)^-1 times the
      variance of a residual, as `curve_fit` has it; with `absolute_sigma=True` that is one, as the residuals are in
      units of their standard deviations. Where the data leave it open it is infinite, with a warning.
    - `differentiable=True` makes `x` a function of whatever tensors `residuals` depends on: `x.sum().backward()` finds
      their gradients by implicit differentiation at the answer, not through the iterations. Other fields carry no
      gradient, and a covariance refuses to be differentiated.
    - `batched=True` takes x0 of shape (batch, n), and `residuals` maps (b, n), and b rows of each of `args`, to (b, m):
      every row is a problem of its own. It is given some of the rows at a time, and large batches are shared out to as
      many threads as torch has, so what belongs to a row must be in `args`. Options then are `bounds`, `loss`,
      `f_scale`, `covariance`, `max_iter`, `jac(x, *args)`, shape (b, m, n), and `tolerance`, the share of the loss that
      one more step may promise at an answer. The outcome has tensors with one entry per problem.

    SciPy's names of options are read as ours: `ftol` and `xtol` as `tolerance_change`, `gtol` as `tolerance_grad`,
    `max_nfev` as `max_eval`; `method` may be one of SciPy's, `verbose` and the like are left out.

    Raises ValueError for a loss, bounds or scales that are invalid or do not fit, and what LevenbergMarquardt raises.
    """
    check_function("least_squares", "residuals", residuals)
    flags = {"covariance": covariance, "absolute_sigma": absolute_sigma, "differentiable": differentiable}
    check_flags("least_squares", batched=batched, **flags)
    named = fit_options("least_squares", {"method": method, **options}, bool(batched))
    settings = {"max_iter": max_iter, "loss": loss, "f_scale": plain(f_scale), **named}
    function = with_keywords(residuals, kwargs)
    slopes = with_keywords(function_given("least_squares", "jac", jac), kwargs)
    args = args if isinstance(args, tuple | list) else (args,)
    if batched:
        unused = {"callback": callback, "max_eval": max_eval, "differentiable": differentiable or None}
        refuse("least_squares", x_scale=x_scale, **unused)
        asked = {"bounds": bounds, "jac": slopes, "covariance": covariance, "absolute_sigma": absolute_sigma}
        return fit_rows(function, x0, args, settings | asked)
    fit = Fit(Unknowns(x0), function, args, loss, settings["f_scale"], slopes)
    if not fit.unknowns.size:
        return nothing_fitted(fit.unknowns.answer(), float(fit.cost_at(fit.unknowns.answer())))
    limits = limits_of(fit.unknowns, bounds, x_scale, bool(differentiable))
    optimizer = optimizer_of(fit.unknowns, {"max_eval": max_eval, **settings, **limits}, options)
    return fitted(fit, optimizer, callback, **flags)


def fitted(
    fit: Fit,
    optimizer: LevenbergMarquardt,
    callback: Callable[[Any], object] | None,
    covariance: bool,
    absolute_sigma: bool,
    differentiable: bool,
) -> FitOutcome:
    """Run an optimizer to its end, and return what it has found."""
    with speaking_of("least_squares", "residuals"):
        optimizer.descend(fit.closure, fit.unknowns.told(callback, fit.intermediate))
    later = fit.later(bool(covariance), bool(absolute_sigma))
    outcome = fit_outcome_of(optimizer, fit.unknowns.answer(), later)
    if differentiable:
        outcome = replace(outcome, **differentiable_fields(fit.differentiable_answer(optimizer), outcome.later))
    return outcome.computed(*(outcome.later if fit.unknowns.is_module else ["covariance"] * bool(covariance)))


def optimizer_of(unknowns: Unknowns, settings: Mapping[str, Any], written: Mapping[str, Any]) -> LevenbergMarquardt:
    """Return the optimizer; `written` are options as the user has them, of which errors speak."""
    with as_called("LevenbergMarquardt", "least_squares", as_written(unknowns.names, written, OPTIONS)):
        return LevenbergMarquardt(unknowns.leaves, **settings)


def fit_rows(residuals: Callable[..., Tensor], x0: Any, args: tuple[Any, ...], options: dict[str, Any]) -> FitOutcome:
    """Solve for every row of x0; raises ValueError or TypeError for options that rows have no use for."""
    check_options("least_squares(batched=True)", options, OF_A_BATCH)
    check_counts("least_squares", options, "")
    check_share("least_squares", "tolerance", options.get("tolerance", 0))
    return least_squares_batch(residuals, x0, args, **options)


def limits_of(unknowns: Unknowns, bounds: Any, x_scale: Any, differentiable: bool) -> dict[str, Any]:
    """Return bounds and sizes as the optimizer takes them, one per tensor; what is not given is left out.

    Raises ValueError for bounds by which a `differentiable` answer would have a derivative.
    """
    if differentiable:
        refuse_graph("least_squares", bounds)
    limits = {} if bounds is None else {"bounds": one_per_leaf(unknowns, "bounds", bounds, low_and_high)}
    sizes = {} if x_scale is None else {"x_scale": one_per_leaf(unknowns, "x_scale", x_scale, lambda size: size)}
    return limits | sizes


def one_per_leaf(unknowns: Unknowns, name: str, given: Any, read: Callable[[Any], Any]) -> Any:
    """Return one value per tensor; raises ValueError where their number or names are others."""
    by_jacobian = isinstance(given, str) and given == "jac"
    if isinstance(unknowns.structure, Tensor) or by_jacobian:
        return given if by_jacobian else [read(given)]
    if isinstance(unknowns.structure, Mapping) and isinstance(given, Mapping):
        strange = set(given) - set(unknowns.structure)
        if strange:
            raise ValueError(f"least_squares got {name} for {sorted(strange)}, which x0 does not have")
        return [read(given[key]) if key in given else None for key in unknowns.structure]
    if not isinstance(given, list) or len(given) != len(unknowns.leaves):
        raise ValueError(
            f"least_squares needs {name} as a list or dict with one entry for each of the {len(unknowns.leaves)} "
            f"tensors, but got {given!r}"
        )
    return [read(value) for value in given]


def low_and_high(bounds: Any) -> Any:
    """Return the bounds of one tensor as a pair of tensors or None."""
    return sides_of("least_squares", bounds)


def with_keywords(function: Any, kwargs: Mapping[str, Any] | None) -> Any:
    """Return a function that is given SciPy's `kwargs` as well."""
    return partial(function, **kwargs) if kwargs and function is not None else function
