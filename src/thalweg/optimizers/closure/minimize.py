"""SciPy's `minimize` and `least_squares` on tensors, lists or dicts of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .batched import minimize_batch
from .closure_function import Closure
from .descend import Callback
from .methods import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion
from .optimizer import ClosureOptimizer
from .options import check_choice
from .outcome import Outcome, outcome_of

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
    jac: Callable[[Any], Any] | None = None,
    bounds: Any = None,
    callback: Callable[[Any], object] | None = None,
    max_iter: int = 15_000,
    max_eval: int | None = None,
    batched: bool = False,
    **options: Any,
) -> Outcome:
    """Return the minimum of `fun`, as SciPy's `minimize` does; gradients come from autograd unless `jac` gives them.

    `fun` takes what `x0` is: a tensor, a list or dict of tensors, or a module, and returns one number. Tensors are
    left as they are, a module is trained in place. `bounds` (L-BFGS only) is a pair (low, high), or one per tensor in
    a list. `callback(x)` is told of each iteration and stops the run by returning True. With `batched=True` x0 has
    shape (batch, n), `fun` returns shape (batch,), and every row is a problem of its own, for BFGS.

    Raises ValueError for an unknown method or what a batch has no use for, TypeError for x0 without floats, and what
    the optimizer of that method raises.
    """
    check_choice("minimize", "method", method, METHODS, "")
    if batched:
        refuse_in_batches(method, jac=jac, bounds=bounds, callback=callback, max_eval=max_eval)
        return minimize_batch(fun, x0, max_iter=max_iter, **options)
    limits = {} if bounds is None else {"bounds": bounds}
    unknowns = Unknowns(x0)
    optimizer = METHODS[method](unknowns.leaves, max_iter=max_iter, max_eval=max_eval, **limits, **options)
    closure = gradient_closure(fun, unknowns, jac, leave_to_optimizer=optimizer.second_order)
    optimizer.descend(closure, told(unknowns, callback))
    return outcome_of(optimizer, unknowns.answer())


def least_squares(
    residuals: Callable[[Any], Tensor],
    x0: Any,
    *,
    callback: Callable[[Any], object] | None = None,
    max_iter: int = 15_000,
    max_eval: int | None = None,
    **options: Any,
) -> Outcome:
    """Return the least sum of squares of `residuals`, by Levenberg and Marquardt; `fun` is half that sum.

    `residuals` takes what `x0` is, as for `minimize`, and returns a tensor of any shape.
    """
    unknowns = Unknowns(x0)
    optimizer = LevenbergMarquardt(unknowns.leaves, max_iter=max_iter, max_eval=max_eval, **options)
    optimizer.descend(lambda: residuals(unknowns.structure), told(unknowns, callback))
    return outcome_of(optimizer, unknowns.answer())


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
        if isinstance(self.structure, torch.nn.Module):
            return self.structure
        if isinstance(self.structure, Mapping):
            return {name: value.detach().clone() for name, value in self.structure.items()}
        if isinstance(self.structure, list):
            return [value.detach().clone() for value in self.structure]
        return self.structure.detach().clone()


def refuse_in_batches(method: str, **given: Any) -> None:
    """Raise ValueError for what `minimize(batched=True)` would have to ignore."""
    if method not in ("lbfgs", "bfgs"):
        raise ValueError(f"minimize(batched=True) runs BFGS on every row, but got method={method!r}: leave it out")
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


def gradient_closure(
    fun: Callable[[Any], Tensor], unknowns: Unknowns, jac: Callable[[Any], Any] | None, leave_to_optimizer: bool
) -> Closure:
    """Return the closure that evaluates `fun` and leaves its gradient."""

    def by_autograd() -> Tensor:
        for tensor in unknowns.leaves:
            tensor.grad = None
        value = fun(unknowns.structure)
        if not leave_to_optimizer and isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        return value

    def by_jac() -> Tensor:
        assert jac is not None
        with torch.no_grad():
            value, gradient = fun(unknowns.answer()), jac(unknowns.answer())
        parts = list(gradient.values()) if isinstance(gradient, Mapping) else gradient
        for tensor, part in zip(unknowns.leaves, parts if isinstance(parts, list | tuple) else [parts], strict=True):
            tensor.grad = torch.as_tensor(part, dtype=tensor.dtype, device=tensor.device).detach()
        return value

    return by_autograd if jac is None else by_jac


def told(unknowns: Unknowns, callback: Callable[[Any], object] | None) -> Callback | None:
    """Return the loop's callback for the user's, which wants the unknowns."""
    return None if callback is None else lambda here, result: callback(unknowns.answer())
