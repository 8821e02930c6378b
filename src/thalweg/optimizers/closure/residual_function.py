"""The user's residual closure as a function of one vector: half the sum of squares, its gradient, its Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from .closure_function import Closure, no_gradient
from .vector import Vector


class ResidualFunction:
    """Writes a vector into the parameters, runs the closure, differentiates the residuals it returns.

    Raises TypeError, ValueError or RuntimeError for a closure that does not return differentiable real residuals.
    """

    def __init__(self, owner: str, vector: Vector, closure: Closure) -> None:
        self.owner = owner
        self.vector = vector
        self.closure = closure
        self.graph = torch.empty(0)
        self.probe: tuple[Tensor, tuple[Tensor, ...]] | None = None

    @property
    def residuals(self) -> Tensor:
        """The residuals at the last point, shape (m,)."""
        return self.graph.detach().to(self.vector.device, self.vector.dtype)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return half the sum of squares and its gradient at x."""
        self.vector.write(x)
        self.probe = None
        with torch.enable_grad():
            self.graph = self._evaluate()
        return 0.5 * torch.dot(self.residuals, self.residuals), self._pull(self.graph.detach())

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

    def _pull(self, weights: Tensor) -> Tensor:
        """Return J' times `weights`."""
        return self.vector.flatten(self._gradients(self.graph, weights))

    def _gradients(self, outputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            outputs, self.vector.tensors, weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )

    def times(self, vector: Tensor) -> Tensor:
        """Return J'J times `vector`, Gauss and Newton's Hessian, without J."""
        return self._pull(self._push(vector).to(self.graph))

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

    def jacobian(self) -> Tensor:
        """Return J at the last point, shape (m, n), from the smaller number of backward passes."""
        m, n = self.graph.numel(), self.vector.size
        if m <= 3 * n:
            rows = torch.eye(m, dtype=self.graph.dtype, device=self.graph.device)
            return torch.stack([self._pull(row) for row in rows])
        columns = torch.eye(n, dtype=self.vector.dtype, device=self.vector.device)
        return torch.stack([self._push(column) for column in columns], 1).to(columns)
