"""SciPy's `minimize` on tensors, lists or dicts of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .batches.bfgs import minimize_batch
from .batches.lbfgs import minimize_batch_lbfgs
from .batches.members import starts_of, walls_of
from .closure_function import Closure
from .descend import Callback
from .hessian import ClosureWithHessian, by_matrix, by_products, hessian_at, inverse_hessian
from .implicit import differentiable_answer
from .methods import BFGS, CG, LBFGS, NewtonCG, SSBroyden, TrustRegion
from .optimizer import ClosureOptimizer
from .options import check_choice
from .outcome import Outcome, outcome_of
from .scipy_words import bounds_read, callback_read, method_named, options_read
from .vector import Vector, real_view

METHODS: dict[str, type[ClosureOptimizer]] = {
    "lbfgs": LBFGS,
    "cg": CG,
    "bfgs": BFGS,
    "ssbroyden": SSBroyden,
    "newton-cg": NewtonCG,
    "trust-region": TrustRegion,
}


def minimize(
    fun: Callable[[Any], Tensor],
    x0: Any,
    method: str = "lbfgs",
    *,
    args: Any = (),
    jac: Callable[..., Any] | bool | None = None,
    hess: Callable[[Any], Any] | None = None,
    hessp: Callable[[Any, Any], Any] | None = None,
    bounds: Any = None,
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
    left as they are, a module is trained in place. Where `fun` is infinite or NaN it needs no gradient: such a point
    lies outside its domain. `callback(x)` is told of each iteration and stops the run by returning True or raising
    StopIteration. With `batched=True` x0 has shape (batch, n), `fun` returns shape (batch,), and every row is a problem
    of its own, for 'lbfgs', with bounds (low, high) that may differ from row to row, or for 'bfgs', which is faster for
    a few numbers and keeps n^2 of them for each row.

    What SciPy's users write is read as SciPy reads it:

    - `method` may have SciPy's names, such as "L-BFGS-B", "TNC" or "trust-ncg".
    - `args` are passed to `fun`, `jac`, `hess` and `hessp` after x; `jac=True` means that `fun` returns the gradient,
      too, of x's structure.
    - `bounds` (methods that search along lines) are a pair (low, high) of numbers, tensors or None, one per tensor in
      a list or dict, one pair for each number of a single tensor, an array of shape (n, 2), or SciPy's `Bounds`.
    - `tol` stands for `tolerance_grad` and `tolerance_change`; `options` are a dict of SciPy's options or ours. Here
      tolerances are shares of the loss. Ours may as well be given by name.

    - `hess(x)` is the Hessian, shape (n, n) over the n real numbers of x in their order, or `hessp(x, p)` its product
      with p, which has x's structure, for the methods that multiply by it; else they differentiate twice.
    - `hess_inv=True` adds `hess_inv`, the inverse of the Hessian at the answer, of the same shape: by `hess`, `hessp`,
      autograd, or differences of `jac`. Numbers that a bound stops have zeros. For a negative log likelihood it is the
      covariance of the answer. Where the Hessian is not positive definite it is infinite, with a warning.
    - `differentiable=True` makes `x` a function of whatever tensors `fun` depends on: `x.sum().backward()` finds their
      gradients by implicit differentiation at the answer, not through the iterations.

    Raises ValueError for an unknown method or what a batch has no use for, TypeError for x0 without floats, and what
    the optimizer of that method raises.
    """
    method = method_named(method)
    check_choice("minimize", "method", method, METHODS, "")
    given_options = {"max_iter": max_iter, "max_eval": max_eval, **options_read(tol, options, named)}
    if batched:
        given = {"hess_inv": hess_inv or None, "differentiable": differentiable or None, "hess": hess, "hessp": hessp}
        refuse_in_batches(method, jac=jac, callback=callback, max_eval=given_options.pop("max_eval"), **given)
        return minimize_rows(with_arguments(fun, args), x0, method, bounds, **given_options)
    fun, jac = with_arguments(fun, args), with_arguments(jac, args)
    hess, hessp = with_arguments(hess, args), with_arguments(hessp, args)
    unknowns = Unknowns(x0)
    if not sum(leaf.numel() for leaf in unknowns.leaves):
        return nothing_to_move(fun, unknowns)
    limits = {} if bounds is None else {"bounds": bounds_read(bounds, x0, unknowns.leaves)}
    check_bounded(method, limits)
    optimizer = METHODS[method](unknowns.leaves, **limits, **given_options)
    check_second_order(optimizer.second_order or hess_inv, method, hess, hessp)
    differentiates = optimizer.second_order and hess is None and hessp is None
    closure = gradient_closure(fun, unknowns, jac, leave_to_optimizer=differentiates)
    sign = -1.0 if optimizer.maximize else 1.0
    optimizer.descend(with_hessian(closure, unknowns, hess, hessp), told(unknowns, callback, sign))
    outcome = outcome_of(optimizer, unknowns.answer())
    if hess_inv:
        closure = with_hessian(gradient_closure(fun, unknowns, jac, leave_to_optimizer=True), unknowns, hess, hessp)
        hessian = sign * hessian_at(Vector(unknowns.leaves), closure)
        outcome = replace(outcome, hess_inv=inverse_hessian(hessian, free_at(optimizer)))
    if differentiable:
        outcome = replace(outcome, x=unknowns.differentiable(lambda: fun(unknowns.structure), free_at(optimizer)))
    return outcome


def with_arguments(function: Any, args: Any) -> Any:
    """Return a function with SciPy's `args` after its own; what is no function as it is."""
    rest = args if isinstance(args, tuple) else (args,)
    return (lambda *own: function(*own, *rest)) if rest and callable(function) else function


def check_bounded(method: str, limits: Mapping[str, Any]) -> None:
    """Raise ValueError for bounds that a method cannot keep."""
    if limits and "bounds" not in METHODS[method].options:
        able = ", ".join(repr(name) for name, made in METHODS.items() if "bounds" in made.options)
        raise ValueError(f"minimize(method={method!r}) has no bounds: take one of {able}")


def nothing_to_move(fun: Callable[[Any], Tensor], unknowns: Unknowns) -> Outcome:
    """Return the outcome for an x0 of no numbers: it is the answer."""
    with torch.no_grad():
        value = fun(unknowns.answer())
    empty = torch.zeros(0, dtype=torch.float64)
    return Outcome(unknowns.answer(), float(value), empty, True, 0, "There is no number to move.", 0, 1, 1, 0)


def check_second_order(used: bool, method: str, hess: Any, hessp: Any) -> None:
    """Raise ValueError for a Hessian given twice, or to a method that has no use for it."""
    if hess is not None and hessp is not None:
        raise ValueError("minimize got both hess and hessp: leave one out")
    if not used and not (hess is None and hessp is None):
        raise ValueError(
            f"minimize(method={method!r}) never multiplies by the Hessian: take 'newton-cg' or 'trust-region'"
        )


def with_hessian(closure: Closure, unknowns: Unknowns, hess: Any, hessp: Any) -> Closure:
    """Return the closure with the user's Hessian, if there is one."""
    if hess is not None:
        size = sum(real_view(leaf.detach()).numel() for leaf in unknowns.leaves)
        return ClosureWithHessian(closure, by_matrix(lambda: hess(unknowns.answer()), size))
    if hessp is not None:
        return ClosureWithHessian(
            closure, by_products(lambda parts: parts_of(hessp(unknowns.answer(), unknowns.filled(parts))))
        )
    return closure


def parts_of(structure: Any) -> list[Any]:
    """Return the tensors of a structure in their order."""
    parts = list(structure.values()) if isinstance(structure, Mapping) else structure
    return list(parts) if isinstance(parts, list | tuple) else [parts]


def free_at(optimizer: ClosureOptimizer) -> Tensor:
    """Return one for each number that may move at the answer, zero where a bound stops it."""
    box, point = optimizer.current.box, optimizer.point
    return torch.ones_like(point.x) if box is None else box.free(point.x, point.gradient)


class Unknowns:
    """What is solved for: the structure that the function sees, and its leaves that the optimizer moves."""

    def __init__(self, x0: Any) -> None:
        if isinstance(x0, torch.nn.Module):
            self.structure: Any = x0
            self.leaves = [param for param in x0.parameters() if param.requires_grad]
        elif isinstance(x0, Mapping):
            self.structure = {name: leaf(value) for name, value in x0.items()}
            self.leaves = list(self.structure.values())
        elif isinstance(x0, list | tuple) and any(isinstance(value, Tensor) for value in x0):
            self.structure = [leaf(value) for value in x0]
            self.leaves = self.structure
        else:
            self.structure = leaf(x0)
            self.leaves = [self.structure]

    def answer(self) -> Any:
        """Return a copy of the structure without gradients; a module itself."""
        return self.filled([leaf.detach().clone() for leaf in self.leaves])

    def filled(self, values: list[Tensor]) -> Any:
        """Return the structure with other tensors in place of its leaves; a module itself."""
        if isinstance(self.structure, torch.nn.Module):
            return self.structure
        if isinstance(self.structure, Mapping):
            return dict(zip(self.structure, values, strict=True))
        return values if isinstance(self.structure, list) else values[0]

    def differentiable(self, loss: Callable[[], Tensor], free: Tensor) -> Any:
        """Return the answer as a function of what the loss depends on; raises ValueError for a module."""
        if isinstance(self.structure, torch.nn.Module):
            raise ValueError(
                "differentiable=True needs x0 of tensors, since a module's parameters have no derivative: pass its "
                "parameters as a dict and call the module by torch.func.functional_call"
            )

        def gradient() -> list[Tensor]:
            return list(torch.autograd.grad(loss(), self.leaves, create_graph=True, materialize_grads=True))

        return self.filled(differentiable_answer(gradient, self.leaves, free))


def minimize_rows(fun: Callable[[Tensor], Tensor], x0: Any, method: str, bounds: Any, **options: Any) -> Outcome:
    """Minimize every row of x0."""
    starts = starts_of("minimize", x0)
    walls = walls_of("minimize", bounds, starts)
    if method == "lbfgs":
        return minimize_batch_lbfgs(fun, starts, walls, **options)
    refuse_in_batches(method, bounds=bounds)
    return minimize_batch(fun, starts, **options)


def refuse_in_batches(method: str, **given: Any) -> None:
    """Raise ValueError for what `minimize(batched=True)` would have to ignore."""
    if method not in ("lbfgs", "bfgs"):
        raise ValueError(
            f"minimize(batched=True) runs 'lbfgs' or 'bfgs' on every row, but got method={method!r}: leave it out"
        )
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"minimize(batched=True) has no {name}: leave it out, or solve one problem at a time")


def leaf(value: Any) -> Tensor:
    """Return a copy that wants a gradient; numbers become float64."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise TypeError(
            f"x0 must be of floats, since gradients are taken, but its dtype is {tensor.dtype}: x0.double()"
        )
    return tensor.detach().clone().requires_grad_()


def gradient_closure(fun: Callable[[Any], Any], unknowns: Unknowns, jac: Any, leave_to_optimizer: bool) -> Closure:
    """Return the closure that evaluates `fun` and leaves its gradient."""

    def by_autograd() -> Tensor:
        for tensor in unknowns.leaves:
            tensor.grad = None
        value: Tensor = fun(unknowns.structure)
        if not leave_to_optimizer and isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
            # What else the loss depends on must get no gradient, and keep its graph.
            value.backward(inputs=unknowns.leaves)  # type: ignore[no-untyped-call]
        return value

    def by_jac() -> Tensor:
        with torch.no_grad():
            x = unknowns.answer()
            value: Tensor
            value, gradient = fun(x) if jac is True else (fun(x), jac(x))
        for tensor, part in zip(unknowns.leaves, parts_of(gradient), strict=True):
            tensor.grad = torch.as_tensor(part, dtype=tensor.dtype, device=tensor.device).detach()
        return value

    return by_jac if jac else by_autograd


def told(unknowns: Unknowns, callback: Callable[..., object] | None, sign: float = 1.0) -> Callback | None:
    """Return the loop's callback for the user's, which wants the unknowns."""
    if callback is None:
        return None
    read = callback_read(callback)
    return lambda here, result: read(unknowns.answer(), sign * result.value)
