"""What `minimize` solves: a loss of some unknowns, with whatever derivatives the user gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..function.closure_function import Closure
from ..function.hessian import ClosureWithHessian, by_matrix, by_products, hessian_at, inverse_hessian
from ..function.vector import Vector
from ..optimizer import ClosureOptimizer
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

    def inverse_hessian(self, optimizer: ClosureOptimizer) -> Tensor:
        """Return the inverse of the Hessian at the answer."""
        sign = -1.0 if optimizer.maximize else 1.0
        hessian = hessian_at(Vector(self.unknowns.leaves), self.closure(with_graph=True))
        return inverse_hessian(sign * hessian, optimizer.free)

    def differentiable_answer(self, optimizer: ClosureOptimizer) -> Any:
        """Return the answer as a function of whatever the loss depends on."""
        return self.unknowns.differentiable(lambda: self.fun(self.unknowns.structure), optimizer.free)

    def _graph(self) -> Tensor:
        for tensor in self.unknowns.leaves:
            tensor.grad = None
        value: Tensor = self.fun(self.unknowns.structure)
        return value

    def _differentiated(self) -> Tensor:
        value = self._graph()
        if isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
            # What else the loss depends on must get no gradient, and keep its graph.
            value.backward(inputs=self.unknowns.leaves)  # type: ignore[no-untyped-call]
        return value

    @torch.no_grad()
    def _given(self) -> Any:
        x = self.unknowns.answer()
        value, gradient = self.fun(x) if not callable(self.jac) else (self.fun(x), self.jac(x))
        for tensor, part in zip(self.unknowns.leaves, parts_of(gradient), strict=True):
            tensor.grad = torch.as_tensor(part, dtype=tensor.dtype, device=tensor.device).detach()
        return value

    def _hessian(self) -> Any:
        assert self.hess is not None
        return self.hess(self.unknowns.answer())

    def _product(self, parts: list[Tensor]) -> list[Any]:
        assert self.hessp is not None
        return parts_of(self.hessp(self.unknowns.answer(), self.unknowns.filled(parts)))


def with_arguments(function: Any, args: Any) -> Any:
    """Return a function with SciPy's `args` after its own; what is no function as it is."""
    rest = args if isinstance(args, tuple) else (args,)
    return (lambda *own: function(*own, *rest)) if rest and callable(function) else function
