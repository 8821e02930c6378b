"""The Hessian: products that the user gives, and the whole matrix and its inverse at an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ....warned import warn
from .closure_function import Closure, ClosureFunction, TwiceDifferentiable
from .given_numbers import like, numbers_of
from .vector import Vector

Products = Callable[[Vector, Tensor], Tensor]
"""The Hessian where the parameters are now, times a flat vector; both in the vector's units."""


class ClosureWithHessian:
    """A closure that knows the products of its Hessian: methods that multiply by it need not differentiate twice."""

    def __init__(self, closure: Closure, products: Products) -> None:
        self.closure = closure
        self.products = products

    def __call__(self) -> Any:
        """Return the loss, its gradient left behind."""
        return self.closure()


def by_matrix(hess: Callable[[], Any], size: int) -> Products:
    """Return products with the matrix that `hess` returns, one row for each real number of the unknowns.

    Raises ValueError where it has another shape.
    """

    def times(vector: Vector, direction: Tensor) -> Tensor:
        with torch.no_grad():
            given = hess()
        moved = direction if vector.scale is None else direction * vector.scale
        if hasattr(given, "matvec"):
            product = like("hess", given.matvec(moved.numpy(force=True)), direction)
            return product if vector.scale is None else product * vector.scale
        dense = numbers_of("hess", given.toarray() if hasattr(given, "toarray") else given)
        if dense.is_complex():
            raise TypeError(f"hess must return real numbers, but their dtype is {dense.dtype}")
        matrix = dense.to(vector.device, vector.dtype)
        if matrix.numel() != size * size:
            raise ValueError(
                f"hess must return a matrix of shape {(size, size)}, but its shape is {tuple(matrix.shape)}"
            )
        product = torch.mv(matrix.reshape(size, size), moved)
        return product if vector.scale is None else product * vector.scale

    return times


def by_products(hessp: Callable[[list[Tensor]], list[Any]]) -> Products:
    """Return products by `hessp`, which maps a direction to the Hessian times it, one tensor per parameter each."""

    def times(vector: Vector, direction: Tensor) -> Tensor:
        with torch.no_grad():
            product = hessp(vector.unflatten(direction))
        parts = zip(product, vector.tensors, strict=True)
        return vector.flatten([like("hessp", part, tensor) for part, tensor in parts])

    return times


def hessian_at(vector: Vector, closure: Closure) -> Tensor:
    """Return the Hessian where the parameters are, shape (n, n): one product for each of its columns."""
    unit = torch.eye(vector.size, dtype=vector.dtype, device=vector.device)
    if isinstance(closure, ClosureWithHessian):
        columns = [closure.products(vector, column) for column in unit]
    else:
        function = TwiceDifferentiable("minimize", vector, closure)
        function(vector.read())
        columns = [function.times(column) for column in unit]
    hessian = torch.stack(columns)
    return 0.5 * (hessian + hessian.t())


def inverse_hessian(hessian: Tensor, free: Tensor) -> Tensor:
    """Return the inverse on the numbers that no limit stops, zero elsewhere.

    Where the Hessian is not positive definite, all entries are infinite, and a RuntimeWarning says so.
    """
    factor = Factor(hessian, free)
    if factor.positive:
        return factor.solve(torch.diag(free))
    why = "the Hessian is not positive definite there"
    warn(f"There is no inverse Hessian at the answer, so all its entries are inf: {why}")
    return torch.full_like(hessian, torch.inf)


class Factor:
    """Cholesky's factor of a Hessian on the free numbers, in units that make its diagonal one, so that none matter."""

    def __init__(self, hessian: Tensor, free: Tensor) -> None:
        self.free = free
        self.units = hessian.diagonal().clamp_min(torch.finfo(hessian.dtype).tiny).sqrt()
        scaled = hessian / torch.outer(self.units, self.units) * torch.outer(free, free) + torch.diag(1 - free)
        self.lower, wrong = torch.linalg.cholesky_ex(scaled)
        rounding = 10 * len(free) * torch.finfo(hessian.dtype).eps
        self.positive = bool((wrong == 0) & (self.lower.diagonal().square().min() > rounding))

    def solve(self, right: Tensor) -> Tensor:
        """Return the inverse on the free numbers times each column of `right`, zeros elsewhere."""
        scales = (self.free / self.units)[:, None]
        return scales * torch.cholesky_solve(scales * right, self.lower)


def given_products(function: ClosureFunction, closure: Closure) -> Callable[[Tensor], Tensor] | None:
    """Return the products with the Hessian that a closure brings along, None where it brings none."""
    if not isinstance(closure, ClosureWithHessian):
        return None
    sign = -1.0 if function.maximize else 1.0
    return lambda direction: sign * closure.products(function.vector, direction)
