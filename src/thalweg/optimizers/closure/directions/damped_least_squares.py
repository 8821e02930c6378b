"""The linear model of residuals within a radius: Levenberg and Marquardt's step."""

from __future__ import annotations

import torch
from torch import Tensor

from ..vector import read_numbers


class LinearModel:
    """min |J p + r| for |D p| <= radius, by one singular value decomposition for any number of radii.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory", sections 2 to 5,
    https://doi.org/10.1007/BFb0067700. J is reduced to its triangle R first, so that long residuals cost one QR.
    """

    def __init__(self, jacobian: Tensor, residuals: Tensor, scaling: Tensor) -> None:
        q, r = torch.linalg.qr(jacobian / scaling)
        left, self.singular, self.right = torch.linalg.svd(r, full_matrices=False)
        self.along = left.t() @ (q.t() @ residuals)
        self.scaling = scaling
        largest = read_numbers(self.singular.max())[0] if self.singular.numel() else 0.0
        self.floor = torch.finfo(r.dtype).eps * len(scaling) * largest

    def step(self, radius: float) -> tuple[Tensor, float, float]:
        """Return p, its length in the scaling, and the decrease of half the sum of squares it promises."""
        damping = self._damping(radius)
        weights = self._weights(damping)
        promised = 0.5 * (self.along.square() - (self.along - self.singular * weights).square()).sum()
        length, decrease = read_numbers(torch.linalg.vector_norm(weights), promised)
        return -(self.right.t() @ weights) / self.scaling, length, decrease

    def _weights(self, damping: float) -> Tensor:
        """Return the step's components; those of no singular value stay zero."""
        known = self.singular > self.floor
        denominator = torch.where(known, self.singular.square() + damping, torch.ones_like(self.singular))
        return torch.where(known, self.singular * self.along / denominator, torch.zeros_like(self.along))

    def _damping(self, radius: float) -> float:
        """Return lambda with |D p| = radius within a tenth; zero where Gauss and Newton's step is shorter.

        Newton's method on 1 / |p(lambda)|, equation 5.4: from the left it never overshoots.
        """
        damping = 0.0
        for _ in range(30):
            weights = self._weights(damping)
            cubes = weights.square() / (self.singular.square() + damping).clamp_min(1e-300)
            length, bend = read_numbers(torch.linalg.vector_norm(weights), cubes.sum())
            if length <= 1.1 * radius or not bend > 0:
                return damping
            damping += (length / radius - 1) * length * length / bend
        return damping
