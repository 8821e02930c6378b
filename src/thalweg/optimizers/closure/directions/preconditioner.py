"""A preconditioner made of what has been seen of the Hessian."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..function.vector import dot, machine_epsilon, product, read_numbers
from .krylov import Operator, Path
from .limited_memory import LimitedMemory

PAIRS = 20
"""Vectors whose products with the Hessian are kept."""


class Preconditioner:
    """L-BFGS's inverse of the Hessian, made of the products that conjugate gradients have paid for, and of steps.

    The Hessian changes little from one iteration to the next, so that conjugate gradients begin where they ended.
    Morales & Nocedal 2000, "Automatic preconditioning by limited memory quasi-Newton updating",
    https://doi.org/10.1137/S1052623497327854
    """

    def __init__(self) -> None:
        self.memory = LimitedMemory(PAIRS)

    def operator_at(self, gradient: Tensor) -> Operator | None:
        """Return what multiplies by the inverse; None without a pair, or if rounding lets the gradient climb."""
        if self.memory.fresh or not product(gradient, self._times(gradient)) > 0:
            return None
        return self._times

    def _times(self, vector: Tensor) -> Tensor:
        return self.memory.against(vector).neg_()

    def learn_path(self, path: Path) -> None:
        """Keep the directions of conjugate gradients with their products, the last ones if there are many."""
        for stage in path.stages[-PAIRS:]:
            self.learn(stage.direction, stage.curved)

    def learn(self, s: Tensor, y: Tensor) -> None:
        """Keep a vector with the Hessian's product, where it bends upwards beyond rounding."""
        curvature, s_s, y_y = read_numbers(dot(s, y), dot(s, s), dot(y, y))
        rounding = math.sqrt(machine_epsilon(s.dtype))
        if rounding * math.sqrt(s_s) * math.sqrt(y_y) < curvature < math.inf:
            self.memory.remember(s, y, curvature)

    def forget(self) -> None:
        """Drop every pair."""
        self.memory.forget()

    def state(self) -> dict[str, Any]:
        """Return the pairs."""
        return self.memory.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.memory.restore(state)
