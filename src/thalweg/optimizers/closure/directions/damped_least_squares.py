"""The linear model of residuals within a radius: Levenberg and Marquardt's step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..function.vector import read_numbers


class DampedStep(NamedTuple):
    """A step p of the model, its damping, its length in the scaling, and the decrease of the loss it promises."""

    p: Tensor
    damping: float
    length: float
    promised: float


class LinearModel:
    """min |J p + r| for |D p| <= radius, by one singular value decomposition for any number of radii.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory", sections 2 to 5,
    https://doi.org/10.1007/BFb0067700. J is reduced to its triangle R first, so that long residuals cost one QR.
    """

    def __init__(self, jacobian: Tensor, residuals: Tensor, scaling: Tensor) -> None:
        self.jacobian = jacobian
        self.residuals = residuals
        self.scaling = scaling
        self.tall, r = torch.linalg.qr(jacobian / scaling)
        self.triangle = r
        self.left, self.singular, self.right = torch.linalg.svd(r, full_matrices=False)
        self.along = self._components(residuals)
        largest = read_numbers(self.singular.max())[0] if self.singular.numel() else 0.0
        self.floor = torch.finfo(r.dtype).eps * len(scaling) * largest

    def step(self, radius: float) -> DampedStep:
        """Return the step to the least sum of squares within the radius."""
        damping = self._damping(radius)
        weights = self._weights(self.along, damping)
        promised = 0.5 * (self.along.square() - (self.along - self.singular * weights).square()).sum()
        length, decrease = read_numbers(torch.linalg.vector_norm(weights), promised)
        return DampedStep(self._combined(weights), damping, length, decrease)

    def reduced(self) -> tuple[Tensor, Tensor]:
        """Return R D and Q'r, at most n rows with the same products as J and r."""
        return self.triangle * self.scaling, torch.mv(self.tall.t(), self.residuals)

    def answer(self, residuals: Tensor, damping: float) -> Tensor:
        """Return the step that answers other residuals, damped as given."""
        return self._combined(self._weights(self._components(residuals), damping))

    def _components(self, residuals: Tensor) -> Tensor:
        return torch.mv(self.left.t(), torch.mv(self.tall.t(), residuals))

    def _combined(self, weights: Tensor) -> Tensor:
        return torch.mv(self.right.t(), weights).neg() / self.scaling

    def _weights(self, along: Tensor, damping: float) -> Tensor:
        """Return the step's components; those of no singular value stay zero."""
        known = self.singular > self.floor
        denominator = torch.where(known, self.singular.square() + damping, torch.ones_like(self.singular))
        return torch.where(known, self.singular * along / denominator, torch.zeros_like(along))

    def _damping(self, radius: float) -> float:
        """Return lambda with |D p| = radius within a tenth; zero where Gauss and Newton's step is shorter.

        Newton's method on 1 / |p(lambda)|, equation 5.4: from the left it never overshoots.
        """
        damping = 0.0
        for _ in range(30):
            weights = self._weights(self.along, damping)
            cubes = weights.square() / (self.singular.square() + damping).clamp_min(1e-300)
            length, bend = read_numbers(torch.linalg.vector_norm(weights), cubes.sum())
            if length <= 1.1 * radius or not bend > 0:
                return damping
            damping += (length / radius - 1) * length * length / bend
        return damping
