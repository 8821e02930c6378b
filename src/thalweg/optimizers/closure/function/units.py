"""How a run measures the loss and each number, so that neither's size decides anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SAFE = {torch.float32: 13, torch.float64: 100}
"""The power of two up to which, and down to whose inverse, the first gradient is taken as it is: squares have room."""


@dataclass(slots=True)
class Units:
    """Losses and gradients are divided by `loss`, a power of two; each number is measured in its `lengths`, or in 1.

    Powers of two round nothing, so a scaled loss takes the same steps bit for bit.
    """

    loss: float = 1.0
    lengths: Tensor | None = None

    def inward(self, gradient: Tensor) -> Tensor:
        """Return a gradient, or the Hessian times a vector, in these units; what comes in may be changed."""
        if self.lengths is not None:
            gradient = gradient * self.lengths
        return gradient if self.loss == 1.0 else gradient.div_(self.loss)

    def outward(self, gradient: Tensor) -> Tensor:
        """Return a gradient in the units of the user's loss and parameters."""
        if self.lengths is not None:
            gradient = gradient / self.lengths
        return gradient if self.loss == 1.0 else gradient * self.loss

    def pair(self, s: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return a pair with s'y = 1 in the units of the user's loss and parameters, where that is so as well."""
        if self.lengths is not None:
            s, y = s * self.lengths, y / self.lengths
        root = math.sqrt(self.loss)
        return (s, y) if root == 1.0 else (s / root, y * root)


def unit_of(steepness: float, dtype: torch.dtype) -> float:
    """Return the unit of a loss whose first gradient is so steep: one unless squares of it could leave the dtype."""
    if not 0 < steepness < math.inf:
        return 1.0
    exponent = math.frexp(steepness)[1]
    # An even power, as pairs are measured by its root.
    return 1.0 if abs(exponent) <= SAFE.get(dtype, 0) else math.ldexp(1.0, exponent & ~1)


def lengths_of(x: Tensor, before: Tensor) -> Tensor:
    """Return each number's size, that of the step before included; the largest for what is zero."""
    sizes = x.abs() if before is x else torch.maximum(x.abs(), before.abs())
    known = sizes > 0
    return torch.where(known, sizes, sizes.max()) if bool(known.any()) else torch.ones_like(x)
