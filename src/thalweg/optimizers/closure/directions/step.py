"""What a direction learns from: the step that was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from ..function.objective import Point
from ..function.vector import machine_epsilon
from .krylov import Operator

SMALLEST = 1e-290
"""The least s'y: its root has an inverse."""


class Step:
    """The step s = alpha d from one accepted point to the next, with the slopes along d at both.

    `curvature` is the product s'y, the change of the slope over the step, and `epsilon` the rounding of its numbers.
    """

    __slots__ = ("alpha", "before", "curvature", "direction", "epsilon", "here", "slope_before", "slope_here")

    def __init__(
        self, before: Point, here: Point, direction: Tensor, alpha: float, slope_before: float, slope_here: float
    ) -> None:
        self.before = before
        self.here = here
        self.direction = direction
        self.alpha = alpha
        self.slope_before = slope_before
        self.slope_here = slope_here
        self.curvature = alpha * (slope_here - slope_before)
        self.epsilon = machine_epsilon(direction.dtype)

    @property
    def numbers(self) -> list[float]:
        """Its length and both slopes."""
        return [self.alpha, self.slope_before, self.slope_here]

    @property
    def modelled(self) -> float:
        """The product s'Bs that the model had for s'y, if the direction was -H g: Bs = -alpha g."""
        return -(self.alpha**2) * self.slope_before

    @property
    def bends_up(self) -> bool:
        """Whether s'y is positive beyond rounding, relative to -s'g: L-BFGS-B's test, without a unit."""
        rounding = -self.epsilon * self.alpha * self.slope_before
        return self.curvature > rounding and self.curvature > SMALLEST


class Direction(Protocol):
    """Where to go; it knows no search."""

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return a direction of descent; `hessian` multiplies a vector by the Hessian at `here`."""
        ...

    def learn(self, step: Step) -> None:
        """Take the accepted step into memory."""
        ...

    def forget(self) -> None:
        """Empty the memory: the next direction is steepest descent."""
        ...

    def first_trial(self, here: Point, slope: float) -> float:
        """Return the step length to try first."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether the memory is empty."""
        ...

    def displaced(self) -> None:
        """Forget what holds only for the last point: the next one is not a step of this run."""
        ...

    def state(self) -> dict[str, Any]:
        """Return tensors and numbers from which `restore` goes on bit for bit."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        ...
