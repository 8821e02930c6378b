"""The dense inverse Hessian of Broyden's family, scaled by itself where the model bends too much."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..function.objective import Point
from ..function.vector import dot, read_numbers
from .curvature import gradient_change
from .krylov import Operator
from .limited_memory import LimitedMemory
from .step import SMALLEST, Step


class Ratios(NamedTuple):
    """How the model compares with the step: b = s'Bs / s'y and h = y'Hy / s'y, with n variables."""

    b: float
    h: float
    n: int


class Member(NamedTuple):
    """A member of the family: phi chooses between DFP (0) and BFGS (1), tau divides the old model."""

    phi: float
    tau: float


Family = Callable[[Ratios], Member]


def bfgs(_: Ratios) -> Member:
    """Broyden, Fletcher, Goldfarb, Shanno 1970."""
    return Member(1.0, 1.0)


def self_scaled_bfgs(r: Ratios) -> Member:
    """Al-Baali 1998; Urbán, Stefanou & Pons 2024, equations 13 and 14: tau = min(1, s'y / s'Bs)."""
    return Member(1.0, min(1.0, 1 / r.b))


def self_scaled_broyden(r: Ratios) -> Member:
    """Al-Baali & Khalfan 2005; Urbán, Stefanou & Pons 2024, "Unveiling the optimization process of PINNs".

    Equations 15 to 22 of https://arxiv.org/abs/2405.04230, with a = bh - 1.
    """
    a = max(r.b * r.h - 1, 1e-12)
    # 1 - sqrt(a / (1 + a)) is half of 1 / (1 + a) where a is so large that the root rounds to one.
    below = min(1.0, r.h * (1 - math.sqrt(a / (1 + a)) or 0.5 / (1 + a)))
    theta = max((below - 1) / a, min(1 / below, (1 - r.b) / r.b))
    sigma = max(1 + theta * a, below)
    above = min(1.0, 1 / r.b)
    shrink = abs(sigma) ** (1 / (1 - r.n)) if r.n > 1 else 1.0
    tau = min(above * shrink, sigma) if theta <= 0 else above * min(shrink, 1 / theta)
    return Member((1 - theta) / sigma, tau)


FAMILIES: dict[str, Family] = {
    "bfgs": bfgs,
    "self_scaled_bfgs": self_scaled_bfgs,
    "self_scaled_broyden": self_scaled_broyden,
}


class DenseInverse:
    """H, one matrix of n by n, changed in place by one product of n x 2 with 2 x n.

    H+ = (H - Hy y'H / y'Hy + phi v v') / tau + s s' / s'y, v = sqrt(y'Hy) (s / s'y - Hy / y'Hy). The first pairs stay
    apart in a limited memory, whose first H follows the scale of the last pair, then they are multiplied out: begun
    from the scale of the first pair alone, BFGS took more evaluations on most of the benchmark.
    """

    def __init__(self, family: Family, apart: int = 50) -> None:
        self.family = family
        self.memory = LimitedMemory(apart)
        self.inverse: Tensor | None = None

    @property
    def fresh(self) -> bool:
        """Whether nothing is known of the curvature."""
        return self.inverse is None and self.memory.fresh

    def forget(self) -> None:
        """Go back to the identity."""
        self.inverse = None
        self.memory.forget()

    def first_trial(self, here: Point, slope: float) -> float:
        """Return 1, the Newton step; at first a step of guessed length."""
        return self.memory.first_trial(here, slope) if self.inverse is None else 1.0

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return -H g."""
        if self.inverse is None:
            return self.memory(here, hessian)
        return torch.mv(self.inverse, here.gradient).neg_()

    def learn(self, step: Step) -> None:
        """Bend H to the step where that bends upwards."""
        if self.inverse is not None and step.bends_up:
            self._update(self.inverse, step)
        elif self.inverse is None:
            self.memory.learn(step)
            if self.memory.learned == self.memory.history_size:
                self.inverse = self.memory.matrix()
                self.memory.forget()

    def displaced(self) -> None:
        """Keep the matrix: it tells of the curvature, wherever it was seen."""

    def state(self) -> dict[str, Any]:
        """Return the matrix, or the pairs that are still apart."""
        return self.memory.state() if self.inverse is None else {"dense": self.inverse.clone(), "learned": 0}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.inverse = state["dense"].clone() if "dense" in state else None
        self.memory.restore(state)

    def _update(self, inverse: Tensor, step: Step) -> None:
        y, factor, curvature = gradient_change(step)
        y.mul_(factor)
        h_y = torch.mv(inverse, y)
        y_h_y = read_numbers(dot(y, h_y))[0]
        # On a plateau slopes differ so little that their squares are lost.
        if not y_h_y > SMALLEST:
            return
        ratios = Ratios(step.modelled / curvature, y_h_y / curvature, y.numel())
        bend(inverse, step.direction * step.alpha, h_y, curvature, y_h_y, self.family(ratios))


def bend(inverse: Tensor, s: Tensor, h_y: Tensor, s_y: float, y_h_y: float, member: Member) -> None:
    """Divide H by tau and add [s, Hy] M [s, Hy]', M being the 2 x 2 matrix that the family's formula comes to."""
    phi, tau = member
    cross = -phi / (s_y * tau)
    first = s * ((1 - cross * y_h_y) / s_y) + h_y * cross
    second = s * cross + h_y * ((phi - 1) / (y_h_y * tau))
    inverse.addmm_(torch.stack((first, second), 1), torch.stack((s, h_y)), beta=1 / tau)
