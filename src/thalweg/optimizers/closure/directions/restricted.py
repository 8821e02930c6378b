"""Any direction on a face of a box: among the numbers that no limit stops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..function.objective import Point
from .broyden import DenseInverse
from .conjugate_gradient import ConjugateGradient
from .face import Face
from .krylov import Operator
from .limited_memory import LimitedMemory
from .step import Direction, Step


class Restricted:
    """A direction as it would be if the stopped numbers were constants: what it remembers is restricted to the face.

    Pairs are cut to the face, and a dense inverse is that of the block; a conjugate direction starts anew on another
    face; products with the Hessian are cut before and after.
    """

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.face = Face()
        self.free: Tensor | None = None

    def __call__(self, here: Point, free: Tensor, hessian: Operator) -> tuple[Point, Tensor]:
        """Return the point with its gradient on the face, and the direction there."""
        inner = on_face(here, free)
        pairs = self.pairs
        if pairs is not None:
            return inner, self.face.direction(pairs, inner, free)
        if isinstance(self.direction, DenseInverse) and self.direction.inverse is not None:
            return inner, newton_on_face(self.direction.inverse, inner.gradient, free)
        if isinstance(self.direction, ConjugateGradient):
            self._conjugate(self.direction, free)
        return inner, self.direction(inner, lambda vector: hessian(vector * free) * free) * free

    @property
    def pairs(self) -> LimitedMemory | None:
        """The pairs that the direction is made of, None where it is made otherwise."""
        direction = self.direction
        if isinstance(direction, DenseInverse):
            return direction.memory if direction.inverse is None else None
        return direction if isinstance(direction, LimitedMemory) else None

    def _conjugate(self, direction: ConjugateGradient, free: Tensor) -> None:
        """Take the last step to the face; forget it where it was on another."""
        if self.free is None or not torch.equal(self.free, free):
            direction.forget()
        elif direction.step is not None:
            step = direction.step
            ends = on_face(step.before, free), on_face(step.here, free)
            direction.step = Step(*ends, step.direction, *step.numbers)
        self.free = free

    def first_trial(self, inner: Point, slope: float) -> float:
        """Return the step length to try first."""
        if self.pairs is not None and not self.direction.fresh:
            return self.face.memory.first_trial(inner, slope)
        return self.direction.first_trial(inner, slope)

    def state(self) -> dict[str, Any]:
        """Return the face and its pairs."""
        return {"on": self.free, **self.face.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.free = state["on"]
        self.face.restore(state)


def on_face(point: Point, free: Tensor) -> Point:
    """Return the point with a gradient of zero off the face."""
    return Point(point.x, point.value, point.gradient * free, lengths=point.lengths)


def newton_on_face(inverse: Tensor, gradient: Tensor, free: Tensor) -> Tensor:
    """Return -B^-1 g for the block B of the Hessian on the face: H_FF - H_FA H_AA^-1 H_AF is its inverse."""
    kept, stopped = free.bool(), ~free.bool()
    direction = torch.mv(inverse, gradient)
    if bool(stopped.any()):
        correction = torch.linalg.lstsq(inverse[stopped][:, stopped], direction[stopped][:, None]).solution[:, 0]
        direction[kept] -= inverse[kept][:, stopped] @ correction
        direction[stopped] = 0.0
    return direction.neg_()
