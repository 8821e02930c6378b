"""SciPy's `minimize` on tensors, lists or dicts of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from ....hyper import check_flags
from ....state.interrupts import keeping_grad_mode
from ....warned import warn
from ..batches.losses.bfgs import minimize_batch
from ..batches.losses.lbfgs import minimize_batch_lbfgs
from ..batches.losses.row_losses import RowLosses
from ..batches.members import check_options, refuse, rows_of, starts_of, walls_of
from ..function.objective import Point
from ..methods import BFGS, CG, LBFGS, NewtonCG, SSBroyden, TrustRegion
from ..optimizer import ClosureOptimizer
from ..options import check_choice, check_counts, check_function, check_share
from ..run.descend import Callback
from ..run.result import Result
from ..scipy_names.fields import Later
from ..scipy_names.outcome import Intermediate, Outcome, nothing_moved, outcome_of
from ..scipy_names.scipy_words import (
    OPTIONS,
    WITHOUT_GRADIENTS,
    bounds_read,
    function_given,
    method_named,
    options_read,
    refuse_constraints,
)
from .as_called import as_called, as_written
from .implicit import DENSE, refuse_graph
from .outside_torch import speaking_of
from .problem import Problem, with_arguments
from .unknowns import Unknowns, differentiable_fields

METHODS: dict[str, type[ClosureOptimizer]] = {
    "lbfgs": LBFGS,
    "cg": CG,
    "bfgs": BFGS,
    "ssbroyden": SSBroyden,
    "newton-cg": NewtonCG,
    "trust-region": TrustRegion,
}


OF_ROWS = {"lbfgs": ("max_iter", "tolerance_grad", "history_size"), "bfgs": ("max_iter", "tolerance_grad")}
"""The options of the methods that run on rows."""


@keeping_grad_mode
def minimize(
    fun: Callable[[Any], Tensor],
    x0: Any,
    method: str | None = "lbfgs",
    *,
    args: Any = (),
    jac: Callable[..., Any] | bool | str | None = None,
    hess: Callable[[Any], Any] | str | None = None,
    hessp: Callable[[Any, Any], Any] | None = None,
    bounds: Any = None,
    constraints: Any = (),
    callback: Callable[[Any], object] | None = None,
    max_iter: int = 15_000,
    max_eval: int | None = None,
    batched: bool = False,
    hess_inv: bool = False,
    differentiable: bool = False,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    **named: Any,
) -> Outcome:
    """Return the minimum of `fun`, as SciPy's `minimize` does; gradients come from autograd unless `jac` gives them.

    `fun` takes what `x0` is: a tensor, a list or dict of tensors, or a module, and returns one number. Tensors are
    left as they are; a module is trained in place. Where `fun` is infinite or NaN it needs no gradient: such a point
    lies outside its domain. `callback(x)` is told of each iteration, and stops the run by returning True or raising
    StopIteration.

    What SciPy's users write is read as SciPy reads it:

    - `method` may have SciPy's names, such as "L-BFGS-B", "TNC" or "trust-ncg"; `constraints` must be none.
    - `args` are passed to `fun`, `jac`, `hess` and `hessp` after x; `jac=True` means that `fun` returns the gradient,
      too, of x's structure; "2-point", "3-point" and "cs" stand for autograd.
    - `hess(x)` is the Hessian, shape (n, n) over the n real numbers of x in their order, or `hessp(x, p)` its product
      with p, which has x's structure, for the methods that multiply by it; without them autograd differentiates twice.
    - `bounds` (methods that search along lines) are a pair (low, high) of numbers, tensors or None, one per tensor in
      a list or dict, one pair for each number of a single tensor, an array of shape (n, 2), or SciPy's `Bounds`.
    - `tol` stands for `tolerance_grad` and `tolerance_change`; `options` are a dict of SciPy's options or ours. Here
      tolerances are shares of the loss. Ours may as well be given by name. `options={"return_all": True}` adds
      `allvecs`, the list of all points from x0 to x.

    These options are not SciPy's:

    - `hess_inv=True` adds `hess_inv`, the inverse of the Hessian at the answer, of the same shape: by `hess`, `hessp`,
      autograd, or differences of `jac`. Numbers that a bound stops have zeros. For a negative log likelihood it is the
      covariance of the answer. Where the Hessian is not positive definite it is infinite, with a warning.
    - `differentiable=True` makes `x` a function of whatever tensors `fun` depends on: `x.sum().backward()` finds their
      gradients by implicit differentiation at the answer, not through the iterations. Other fields carry no gradient,
      and `hess` and `hess_inv` refuse to be differentiated.
    - `batched=True` takes x0 of shape (batch, n), and every row is a problem of its own. `fun` maps the b rows that are
      still at work, shape (b, n), and b rows of each of `args`, to b losses, so what belongs to a row must be in
      `args`. The method is 'lbfgs', whose bounds (low, high) may differ from row to row, or 'bfgs', which is faster for
      a few numbers and keeps n^2 of them for each row.

    Raises ValueError for an unknown method or what a batch has no use for, TypeError for x0 without floats, and what
    the optimizer of that method raises.
    """
    check_function("minimize", "fun", fun)
    path = asks_for_path(options, named)
    flags = {"hess_inv": hess_inv, "differentiable": differentiable, "return_all": path}
    check_flags("minimize", batched=batched, **flags)
    refuse_constraints(constraints)
    method = known_method(method, multiplies=hess is not None or hessp is not None)
    read = options_read(tol, options, named, METHODS[method].options)
    given = derivatives_given(args, hess, hessp, jac)
    if batched:
        unused = {"callback": callback, "max_eval": read.pop("max_eval", max_eval), **given}
        refuse("minimize", **unused, **{name: on or None for name, on in flags.items()})
        return minimize_rows(fun, x0, method, args, bounds, **{"max_iter": max_iter, **read})
    problem = Problem(Unknowns(x0), with_arguments(fun, args), **given)
    if not problem.unknowns.size:
        return nothing_moved(problem.unknowns.answer(), problem.value())
    check_hessian(method, problem, used=METHODS[method].second_order or bool(hess_inv))
    limits = limits_of(problem, bounds, x0, bool(differentiable))
    settings = {"max_iter": max_iter, "max_eval": max_eval, **read}
    optimizer = optimizer_of(problem, method, limits, settings, words_of(problem, tol, options))
    return descended(problem, optimizer, callback, **flags)


def known_method(method: Any, multiplies: bool = False) -> str:
    """Return our name for a method, which `multiplies` by a Hessian that is given; raises ValueError for others."""
    if isinstance(method, tuple):
        raise TypeError("minimize takes SciPy's args by name: minimize(fun, x0, args=...)")
    name = method_named(method, multiplies)
    if name in WITHOUT_GRADIENTS:
        raise ValueError(
            f"minimize has no method without gradients, such as {method!r}: leave method out, since autograd computes "
            "them, or keep to SciPy's for a loss that has none"
        )
    check_choice("minimize", "method", name, METHODS, "")
    return str(name)


def derivatives_given(args: Any, hess: Any, hessp: Any, jac: Any) -> dict[str, Any]:
    """Return the derivatives as functions of x alone, None for those that are left to autograd; `jac` may be True."""
    read = {name: function_given("minimize", name, each) for name, each in (("hess", hess), ("hessp", hessp))}
    if read["hess"] is not None:
        read["hessp"] = None  # SciPy ignores products where there is a Hessian.
    read["jac"] = bool(jac) if isinstance(jac, bool | np.bool_) else function_given("minimize", "jac", jac)
    return {name: with_arguments(each, args) for name, each in read.items()}


def derivatives_on_request(problem: Problem, optimizer: ClosureOptimizer, hess_inv: bool) -> Later:
    """Return what computes the Hessian at the answer, and its inverse, where anybody may ask for them."""
    if not hess_inv and (problem.unknowns.size > DENSE or problem.unknowns.is_module):
        return {}
    return {"hess": problem.hessian, "hess_inv": partial(problem.inverse_hessian, optimizer)}


def asks_for_path(options: Any, named: Mapping[str, Any]) -> Any:
    """Return whether all points of the run are wanted, by SciPy's option for that."""
    return {**(options if isinstance(options, Mapping) else {}), **named}.get("return_all")


def limits_of(problem: Problem, bounds: Any, x0: Any, differentiable: bool) -> Any:
    """Return bounds as optimizers take them, None for none; raises ValueError for those that want a gradient."""
    if differentiable:
        refuse_graph("minimize", bounds)
    return None if bounds is None else bounds_read(bounds, x0, problem.unknowns.leaves)


def recorded(path: list[Any], unknowns: Unknowns, told: Callback | None) -> Callback:
    """Return a callback that adds each point to a path, and then tells the user's."""

    def both(point: Point, result: Result) -> object:
        path.append(unknowns.answer())
        return told is not None and told(point, result)

    return both


def descended(
    problem: Problem,
    optimizer: ClosureOptimizer,
    callback: Callable[[Any], object] | None,
    hess_inv: bool,
    differentiable: bool,
    return_all: bool,
) -> Outcome:
    """Run an optimizer to its end, and return what it has found and what was asked for."""
    sign = -1.0 if optimizer.maximize else 1.0

    def intermediate(x: Any, result: Result) -> Intermediate:
        return Intermediate(x, sign * result.value, result.iterations, result.evaluations)

    told = problem.unknowns.told(callback, intermediate)
    later = derivatives_on_request(problem, optimizer, bool(hess_inv))
    if return_all:
        path = [problem.unknowns.answer()]
        told, later = recorded(path, problem.unknowns, told), {**later, "allvecs": lambda: path}
    with speaking_of("minimize", "losses"):
        optimizer.descend(problem.closure(with_graph=optimizer.second_order and not problem.has_hessian), told)
    found = outcome_of(optimizer, problem.unknowns.answer(), later)
    if differentiable:
        found = replace(found, **differentiable_fields(problem.differentiable_answer(optimizer), later))
    return found.computed(*["allvecs"] * bool(return_all), *["hess_inv"] * bool(hess_inv))


def words_of(problem: Problem, tol: float | None, options: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the user's words for the optimizer's parameters and options, of which errors speak."""
    of_tol = {} if tol is None else dict.fromkeys(("tolerance_grad", "tolerance_change"), "tol")
    return of_tol | as_written(problem.unknowns.names, options or {}, OPTIONS)


def optimizer_of(
    problem: Problem, method: str, bounds: Any, settings: Mapping[str, Any], words: Mapping[str, str]
) -> ClosureOptimizer:
    """Return the optimizer of a method; raises ValueError for bounds that it cannot keep."""
    limits = {} if bounds is None else {"bounds": bounds}
    if limits and "bounds" not in METHODS[method].options:
        able = ", ".join(repr(name) for name, made in METHODS.items() if "bounds" in made.options)
        raise ValueError(f"minimize(method={method!r}) has no bounds: take one of {able}")
    with as_called(METHODS[method].__name__, f"minimize({method=!r})", words):
        return METHODS[method](problem.unknowns.leaves, **limits, **settings)


def check_hessian(method: str, problem: Problem, used: bool) -> None:
    """Warn of a Hessian given to a method that has no use for it, as SciPy does."""
    if problem.has_hessian and not used:
        warn(
            f"minimize(method={method!r}) never multiplies by the Hessian, which hess_inv alone will use: take "
            "'newton-cg' or 'trust-region'"
        )


def minimize_rows(fun: Callable[..., Tensor], x0: Any, method: str, args: Any, bounds: Any, **options: Any) -> Outcome:
    """Minimize every row of x0; raises ValueError for a method that does not run on rows."""
    if method not in ("lbfgs", "bfgs"):
        raise ValueError(
            f"minimize(batched=True) runs 'lbfgs' or 'bfgs' on every row, but got method={method!r}: leave it out"
        )
    # Rows have one tolerance; SciPy's tol stands for it, too.
    options.pop("tolerance_change", None)
    check_options("minimize(batched=True)", options, OF_ROWS[method])
    check_counts("minimize", options, "")
    check_share("minimize", "tolerance_grad", options.get("tolerance_grad", 0))
    starts = starts_of("minimize", x0)
    walls = walls_of("minimize", bounds, starts)
    data = rows_of("minimize", args if isinstance(args, tuple) else (args,), len(starts))
    losses = RowLosses(fun, data, len(starts))
    if method == "lbfgs":
        return minimize_batch_lbfgs(losses, starts, walls, **options)
    refuse("minimize", bounds=bounds)
    return minimize_batch(losses, starts, **options)
