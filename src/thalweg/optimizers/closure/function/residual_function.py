"""The user's residual closure as a function of one vector: the loss of its squares, its gradient, its Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ....distributed.shards import is_sharded
from .closure_function import Closure
from .no_gradient import NoGradientError
from .robust import Robust, Weights
from .vector import Vector, accurate, real_view
from .weighed import weighed_slopes

FLOOR = 0.03
"""The least bend of a robust loss, as a share of its slope: 96 fits with outliers took 24 evaluations on average,
27 with shares of 1e-8 and 0.1, 35 with 1."""


NUMBERS_AT_ONCE = 4_000_000
"""Residuals times passes that are made at once, so that their derivatives stay small in memory."""

MANY = 32
"""Passes from which it pays to make them at once: the first time, torch takes half a second to load what that needs."""

Products = Callable[[Tensor], Tensor]


class GivenJacobian:
    """A closure of residuals whose derivatives somebody else has written, so that they may be wrong."""

    def __init__(self, closure: Closure) -> None:
        self.closure = closure

    def __call__(self) -> Any:
        """Return the residuals."""
        return self.closure()


class ResidualFunction:
    """Writes a vector into the parameters, runs the closure, differentiates the residuals it returns.

    The value is half the sum of squares, or of the robust loss. Sums are taken in float64 where the device has it, as
    squares of float32 overflow early. Raises TypeError, ValueError or RuntimeError for a closure that does not return
    differentiable real residuals.
    """

    def __init__(self, owner: str, vector: Vector, closure: Closure, robust: Robust | None = None) -> None:
        if not vector.has_leaves or any(map(is_sharded, vector.tensors)):
            raise TypeError(
                f"{owner} takes the derivative of each residual by whole parameters, but some are sharded: pass whole "
                "tensors, as param.full_tensor() gives them, or minimize the sum of squares by LBFGS"
            )
        self.owner = owner
        self.vector = vector
        self.closure = closure
        self.robust = robust
        self.graph = torch.empty(0)
        self.batches = True
        self.weights: Weights | None = None
        self.probe: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient at x."""
        self.vector.write(x)
        self.probe = None
        with torch.enable_grad():
            self.graph = self._evaluate()
        raw = self.raw
        if self.robust is None:
            return 0.5 * torch.dot(raw, raw), self._pull(raw)
        self.weights = self.robust.weights(raw, FLOOR)
        return self.robust.cost(raw), self._pull(raw * self.weights.slope)

    def _evaluate(self) -> Tensor:
        torch.clear_autocast_cache()
        residuals = joined(self.closure())
        if not isinstance(residuals, Tensor) or not residuals.is_floating_point():
            raise TypeError(
                f"{self.owner}.step needs a closure that returns the residuals as a real tensor, but got "
                f"{residuals.dtype if isinstance(residuals, Tensor) else type(residuals).__name__}: join them by "
                "torch.stack or torch.cat, and complex ones by torch.view_as_real"
            )
        if not residuals.requires_grad:
            raise self._no_gradient()
        if not residuals.numel():
            raise ValueError(f"{self.owner}.step needs a closure that returns at least one residual, but got none")
        return residuals.reshape(-1)

    @property
    def raw(self) -> Tensor:
        """The residuals at the last point as the closure gave them, shape (m,)."""
        return self.graph.detach().to(self.vector.device, accurate(self.vector.device))

    @property
    def residuals(self) -> Tensor:
        """The residuals of the model at the last point, shape (m,): weighted where the loss is robust."""
        return self.raw if self.weights is None else self.weights.residuals(self.raw)

    def jacobian(self) -> Tensor:
        """Return the model's Jacobian at the last point, shape (m, n): weighted where the loss is robust."""
        jacobian = self.raw_jacobian()
        return jacobian if self.weights is None else self.weights.jacobian(jacobian)

    def times(self, vector: Tensor) -> Tensor:
        """Return J'J times `vector`, Gauss and Newton's Hessian, without J."""
        pushed = self._push(vector)
        return self._pull(pushed if self.weights is None else pushed * self.weights.bend)

    def _pull(self, weights: Tensor) -> Tensor:
        """Return J' times `weights`."""
        return self.vector.flatten(self._gradients(self.graph, weights.to(self.graph)))

    def _gradients(self, outputs: Tensor, weights: Tensor) -> tuple[Tensor | None, ...]:
        found = weighed_slopes([outputs], [weights], self.vector.tensors, retain_graph=True, allow_unused=True)
        if all(gradient is None for gradient in found):
            raise self._no_gradient()
        return found

    def _no_gradient(self) -> NoGradientError:
        return NoGradientError(
            f"{self.owner}.step got residuals through which no parameter has a gradient: compute them from the "
            "parameters with torch's functions, without detach(), .item() or NumPy"
        )

    def _push(self, vector: Tensor) -> Tensor:
        """Return J times `vector`: the derivative of J'u by u, in the direction of `vector`."""
        u, slopes = self._probe()
        parts = self.vector.unflatten(vector)
        curved = [(slope, part) for slope, part in zip(slopes, parts, strict=True) if slope.requires_grad]
        outputs, weights = zip(*curved, strict=True)
        return weighed_slopes(outputs, weights, u, retain_graph=True)[0]

    def _probe(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return u and J'u as a graph over u; kept for the point."""
        if self.probe is None:
            with torch.enable_grad():
                u = torch.zeros_like(self.graph, requires_grad=True)
                options = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
                slopes = weighed_slopes([self.graph], [u], self.vector.tensors, **options)
            self.probe = u, slopes
        return self.probe

    def raw_jacobian(self) -> Tensor:
        """Return J of the raw residuals at the last point, shape (m, n), from the smaller number of passes."""
        m, n = self.graph.numel(), self.vector.size
        if m <= 3 * n:
            rows = torch.eye(m, dtype=self.graph.dtype, device=self.graph.device)
            return self._together(self._pull_rows, self._pull, rows).to(self.raw)
        columns = torch.eye(n, dtype=self.vector.dtype, device=self.vector.device)
        return self._together(self._push_rows, self._push, columns).t().to(self.raw)

    def _together(self, many: Products, one: Products, rows: Tensor) -> Tensor:
        """Return the products of all rows, in one pass for a number of them where torch can, else one by one."""
        if self.batches and len(rows) >= MANY:
            try:
                count = max(1, NUMBERS_AT_ONCE // max(1, self.graph.numel()))
                return torch.cat([many(part) for part in torch.split(rows, count)])
            except (RuntimeError, NotImplementedError):
                self.batches = False  # an operation that torch cannot batch
        return torch.stack([one(row) for row in rows])

    def _pull_rows(self, rows: Tensor) -> Tensor:
        """Return J' times each row."""
        gradients = torch.autograd.grad(
            self.graph, self.vector.tensors, rows, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        parts = [
            torch.zeros(len(rows), size, dtype=self.vector.dtype, device=self.vector.device)
            if gradient is None
            else real_view(gradient).reshape(len(rows), size).to(self.vector.device, self.vector.dtype)
            for gradient, size in zip(gradients, self.vector.sizes, strict=True)
        ]
        flat = torch.cat(parts, 1)
        return flat if self.vector.scale is None else flat * self.vector.scale

    def _push_rows(self, rows: Tensor) -> Tensor:
        """Return J times each row."""
        u, slopes = self._probe()
        moved = rows if self.vector.scale is None else rows * self.vector.scale
        parts = zip(slopes, torch.split(moved, self.vector.sizes, 1), self.vector.tensors, strict=True)
        curved = [(slope, rows_like(part, tensor)) for slope, part, tensor in parts if slope.requires_grad]
        outputs, weights = zip(*curved, strict=True)
        return torch.autograd.grad(outputs, u, weights, retain_graph=True, is_grads_batched=True)[0]


def joined(residuals: Any) -> Any:
    """Return a list of tensors as one flat tensor, anything else as it is."""
    if isinstance(residuals, list | tuple) and residuals and all(isinstance(part, Tensor) for part in residuals):
        return torch.cat([part.reshape(-1) for part in residuals])
    return residuals


def rows_like(rows: Tensor, tensor: Tensor) -> Tensor:
    """Return flat real rows, each with the shape, dtype and device of a tensor."""
    real = real_view(tensor.detach())
    shaped = rows.reshape(len(rows), *real.shape).to(real.device, real.dtype)
    return torch.view_as_complex(shaped) if tensor.is_complex() else shaped
