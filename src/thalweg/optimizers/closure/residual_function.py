"""The user's residual closure as a function of one vector: the loss of its squares, its gradient, its Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from .closure_function import Closure, no_gradient
from .robust import Robust, Weights
from .vector import Vector, accurate

FLOOR = 0.03
"""The least bend of a robust loss, as a share of its slope: 96 fits with outliers took 24 evaluations on average,
27 with shares of 1e-8 and 0.1, 35 with 1."""


class ResidualFunction:
    """Writes a vector into the parameters, runs the closure, differentiates the residuals it returns.

    The value is half the sum of squares, or of the robust loss. Sums are taken in float64 where the device has it, as
    squares of float32 overflow early. Raises TypeError, ValueError or RuntimeError for a closure that does not return
    differentiable real residuals.
    """

    def __init__(self, owner: str, vector: Vector, closure: Closure, robust: Robust | None = None) -> None:
        self.owner = owner
        self.vector = vector
        self.closure = closure
        self.robust = robust
        self.graph = torch.empty(0)
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
        residuals = self.closure()
        if not isinstance(residuals, Tensor) or residuals.is_complex():
            raise TypeError(
                f"{self.owner}.step needs a closure that returns the residuals as a real tensor, but got "
                f"{residuals.dtype if isinstance(residuals, Tensor) else type(residuals).__name__}"
            )
        if not residuals.requires_grad:
            raise no_gradient(self.owner)
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

    def _gradients(self, outputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            outputs, self.vector.tensors, weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )

    def _push(self, vector: Tensor) -> Tensor:
        """Return J times `vector`: the derivative of J'u by u, in the direction of `vector`."""
        u, slopes = self._probe()
        parts = self.vector.unflatten(vector)
        curved = [(slope, part) for slope, part in zip(slopes, parts, strict=True) if slope.requires_grad]
        outputs, weights = zip(*curved, strict=True)
        return torch.autograd.grad(outputs, u, weights, retain_graph=True)[0]

    def _probe(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return u and J'u as a graph over u; kept for the point."""
        if self.probe is None:
            with torch.enable_grad():
                u = torch.zeros_like(self.graph, requires_grad=True)
                slopes = torch.autograd.grad(
                    self.graph, self.vector.tensors, u, create_graph=True, allow_unused=True, materialize_grads=True
                )
            self.probe = u, slopes
        return self.probe

    def raw_jacobian(self) -> Tensor:
        """Return J of the raw residuals at the last point, shape (m, n), from the smaller number of backward passes."""
        m, n = self.graph.numel(), self.vector.size
        if m <= 3 * n:
            rows = torch.eye(m, dtype=self.graph.dtype, device=self.graph.device)
            return torch.stack([self._pull(row) for row in rows]).to(self.raw)
        columns = torch.eye(n, dtype=self.vector.dtype, device=self.vector.device)
        return torch.stack([self._push(column) for column in columns], 1).to(self.raw)
