"""Limited-memory BFGS: the last pairs of steps and gradient changes stand for the inverse Hessian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from thalweg.optimizers.closure.directions.curvature import gradient_change
from thalweg.optimizers.closure.directions.krylov import Operator
from thalweg.optimizers.closure.directions.steepest import first_trial
from thalweg.optimizers.closure.directions.step import Step
from thalweg.optimizers.closure.objective import Point


class LimitedMemory:
    """The inverse Hessian in compact form: two products with the history, whatever its length.

    Byrd, Nocedal & Schnabel 1994, "Representations of quasi-Newton matrices and their use in limited memory
    methods", theorem 2.2, https://doi.org/10.1007/BF01582063. Where the paper solves with the triangle R of all s'y,
    its inverse is kept: a new pair adds one column, and the oldest pair's row and column are overwritten, so the
    ring of rows needs no order. Row 2i of `pairs` is s, row 2i + 1 is y.
    """

    def __init__(self, history_size: int, damping: float = 0.0) -> None:
        self.history_size = history_size
        self.damping = damping
        self.pairs = torch.empty(0)
        self.learned = 0

    @property
    def fresh(self) -> bool:
        """Whether no pair is stored."""
        return self.learned == 0

    @property
    def count(self) -> int:
        """How many pairs are stored."""
        return min(self.learned, self.history_size)

    def forget(self) -> None:
        """Drop every pair."""
        self.learned = 0

    def first_trial(self, here: Point, slope: float) -> float:
        """Return 1, the Newton step; without memory a step of guessed length."""
        return first_trial(here, slope) if self.fresh else 1.0

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return -H g."""
        if self.fresh:
            return -here.gradient
        k = self.count
        rows = self.pairs[: 2 * k]
        s_g, y_g = torch.mv(rows, here.gradient).view(k, 2).unbind(1)
        inverse = self.inverse[:k, :k]
        u = torch.mv(inverse, s_g)
        w = torch.mv(self.y_y[:k, :k], u).sub_(y_g).mul_(self.gamma).addcmul_(self.s_y[:k], u)
        weights = torch.stack((torch.mv(inverse.t(), w), u.mul_(-self.gamma)), 1)
        return torch.mv(rows.t(), weights.view(-1)).addcmul_(here.gradient, self.gamma).neg_()

    def matrix(self) -> Tensor:
        """Return H multiplied out, shape (n, n)."""
        k = self.count
        s, y = self.pairs[: 2 * k].view(k, 2, -1).unbind(1)
        inverse = self.inverse[:k, :k]
        middle = self.gamma * self.y_y[:k, :k] + torch.diag(self.s_y[:k])
        cross = self.gamma * (s.t() @ (inverse.t() @ y))
        dense: Tensor = s.t() @ (inverse.t() @ middle @ inverse @ s) - cross - cross.t()
        dense.diagonal().add_(self.gamma)
        return dense

    def learn(self, step: Step) -> None:
        """Store the pair (s, y) where it bends upwards, else leave the memory as it is."""
        if self.history_size == 0 or not (step.bends_up or self.damping):
            return
        if self.fresh:
            self._allocate(step.direction)
        y, curvature = gradient_change(step, self.damping, corrected=True)
        self._store(step.direction * step.alpha, y, curvature)

    def displaced(self) -> None:
        """Keep every pair: it tells of the curvature, wherever it was seen."""

    def state(self) -> dict[str, Any]:
        """Return the used rows of the history and of the small matrices."""
        k = self.count
        if not k:
            return {"learned": 0}
        small = {name: getattr(self, name)[:k].clone() for name in ("s_y",)}
        square = {name: getattr(self, name)[:k, :k].clone() for name in ("inverse", "y_y")}
        return {"learned": self.learned, "pairs": self.pairs[: 2 * k].clone(), "gamma": self.gamma, **small, **square}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.learned = state["learned"]
        k = self.count
        if not k:
            return
        self._allocate(state["pairs"][0])
        self.pairs[: 2 * k], self.s_y[:k], self.gamma = state["pairs"], state["s_y"], state["gamma"].clone()
        self.inverse[:k, :k], self.y_y[:k, :k] = state["inverse"], state["y_y"]

    def remember(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Store a pair that some other run has seen."""
        if self.fresh:
            self._allocate(s)
        self._store(s, y, curvature)

    def oldest_first(self) -> list[tuple[Tensor, Tensor]]:
        """Return copies of the pairs (s, y)."""
        k = self.count
        pairs = self.pairs[: 2 * k].clone().view(k, 2, -1) if k else self.pairs
        first = self.learned % k if k == self.history_size else 0
        order = [(first + i) % k for i in range(k)]
        return [(pairs[i, 0], pairs[i, 1]) for i in order]

    def _store(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Put a pair into the next row of the ring and border the small matrices."""
        j = self.learned % self.history_size
        self.learned += 1
        k = self.count
        self.pairs[2 * j], self.pairs[2 * j + 1] = s, y
        s_y, y_y = torch.mv(self.pairs[: 2 * k], y).view(k, 2).unbind(1)
        self.y_y[j, :k] = self.y_y[:k, j] = y_y
        self.s_y[j] = curvature
        self.gamma = curvature / y_y[j]
        self._border(j, k, s_y, curvature)

    def _border(self, j: int, k: int, s_y: Tensor, curvature: float) -> None:
        """Invert the triangle R with a new last column: [[R, c], [0, r]] has the inverse column (-R^-1 c, 1) / r."""
        inverse = self.inverse[:k, :k]
        inverse[j] = 0.0
        inverse[:, j] = 0.0
        inverse[:, j] = torch.mv(inverse, s_y).mul_(-1 / curvature)
        inverse[j, j] = 1 / curvature

    def _allocate(self, vector: Tensor) -> None:
        if self.pairs.shape != (2 * self.history_size, vector.numel()):
            self.pairs = vector.new_empty(2 * self.history_size, vector.numel())
        self.inverse = vector.new_zeros(self.history_size, self.history_size)
        self.y_y = vector.new_zeros(self.history_size, self.history_size)
        self.s_y = vector.new_zeros(self.history_size)
        self.gamma = vector.new_ones(())
