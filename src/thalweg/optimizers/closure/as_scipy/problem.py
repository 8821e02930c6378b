"""What `minimize` solves: a loss of some unknowns, with whatever derivatives the user gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ....state.interrupts import without_gradients
from ..function.closure_function import Closure
from ..function.given_numbers import described, like
from ..function.hessian import ClosureWithHessian, by_matrix, by_products, hessian_at, inverse_hessian
from ..function.vector import Vector
from ..optimizer import ClosureOptimizer
from .implicit import warn_of_failure
from .outside_torch import has_left_torch, no_gradient
from .returned import loss_read, with_graph
from .unknowns import Unknowns, parts_of


@dataclass(frozen=True, slots=True)
class Problem:
    """A loss, its gradient (True: `fun` returns it as well; None: autograd finds it), and its Hessian or products."""

    unknowns: Unknowns
    fun: Callable[[Any], Any]
    jac: Callable[[Any], Any] | bool | None = None
    hess: Callable[[Any], Any] | None = None
    hessp: Callable[[Any, Any], Any] | None = None

    @property
    def has_hessian(self) -> bool:
        """Whether the user gives the Hessian or its products."""
        return self.hess is not None or self.hessp is not None

    def closure(self, with_graph: bool) -> Closure:
        """Return what evaluates the loss and leaves its gradient; `with_graph` leaves differentiating to the caller."""
        closure = self._given if self.jac else self._graph if with_graph else self._differentiated
        if self.hess is not None:
            return ClosureWithHessian(closure, by_matrix(self._hessian, self.unknowns.size))
        return closure if self.hessp is None else ClosureWithHessian(closure, by_products(self._product))

    @torch.no_grad()
    def value(self) -> float:
        """Return the loss where the unknowns are now."""
        return float(self.fun(self.unknowns.answer()))

    def hessian(self) -> Tensor:
        """Return the Hessian at the answer; differences of gradients move the unknowns for a while."""
        there = replace(self, unknowns=self.unknowns.copied())
        vector = Vector(there.unknowns.leaves)
        answer = vector.read()
        try:
            return hessian_at(vector, there.closure(with_graph=True))
        finally:
            vector.write(answer)

    def inverse_hessian(self, optimizer: ClosureOptimizer) -> Tensor:
        """Return the inverse of the Hessian at the answer."""
        sign = -1.0 if optimizer.maximize else 1.0
        return inverse_hessian(sign * self.hessian(), optimizer.free)

    def differentiable_answer(self, optimizer: ClosureOptimizer) -> Any:
        """Return the answer as a function of whatever the loss depends on."""
        warn_of_failure(optimizer.result.success, optimizer.result.message)
        sign = -1.0 if optimizer.maximize else 1.0
        return self.unknowns.differentiable(lambda: sign * self._loss(), optimizer.free)

    def _loss(self) -> Tensor:
        returned = self.fun(self.unknowns.structure)
        loss: Tensor = loss_and_gradient(returned)[0] if self.jac is True else returned
        return loss

    def _graph(self) -> Any:
        for tensor in self.unknowns.leaves:
            tensor.grad = None
        try:
            value = self.fun(self.unknowns.structure)
        except (RuntimeError, TypeError) as error:
            if has_left_torch(error):
                raise no_gradient("minimize", "losses") from error
            raise
        return with_graph(loss_read(value))

    def _differentiated(self) -> Any:
        value = self._graph()
        if isinstance(value, Tensor) and value.requires_grad:
            # What else the loss depends on must get no gradient, and keep its graph.
            value.backward(inputs=self.unknowns.leaves)  # type: ignore[no-untyped-call]
            if all(tensor.grad is None for tensor in self.unknowns.leaves):
                raise no_gradient("minimize", "losses")
        return value

    @without_gradients
    def _given(self) -> Any:
        x = self.unknowns.answer()
        value, gradient = (self.fun(x), self.jac(x)) if callable(self.jac) else loss_and_gradient(self.fun(x))
        parts = [gradient] if isinstance(self.unknowns.structure, Tensor) else parts_of(gradient)
        for tensor, part in zip(self.unknowns.leaves, parts, strict=True):
            tensor.grad = like("jac", part, tensor)
        return loss_read(value)

    def _hessian(self) -> Any:
        assert self.hess is not None
        return self.hess(self.unknowns.answer())

    def _product(self, parts: list[Tensor]) -> list[Any]:
        assert self.hessp is not None
        product = self.hessp(self.unknowns.answer(), self.unknowns.filled(parts))
        return [product] if isinstance(self.unknowns.structure, Tensor) else parts_of(product)


def loss_and_gradient(returned: Any) -> tuple[Any, Any]:
    """Return what `fun` returns with `jac=True`; raises TypeError where that is no pair."""
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise TypeError(
            f"minimize(jac=True) needs fun to return the loss and its gradient, but got {described(returned)}: leave "
            "jac out where autograd is to differentiate"
        )
    return returned[0], returned[1]


def with_arguments(function: Any, args: Any) -> Any:
    """Return a function with SciPy's `args` after its own; what is no function as it is."""
    rest = args if isinstance(args, tuple) else (args,)
    return (lambda *own: function(*own, *rest)) if rest and callable(function) else function
