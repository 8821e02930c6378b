"""Limited-memory BFGS: the last pairs of steps and gradient changes stand for the inverse Hessian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..objective import Point
from .curvature import gradient_change
from .krylov import Operator
from .steepest import first_trial
from .step import Step

FIRST_ROOM = 16
"""Rows set aside at first; the room doubles up to the history's size, so that short runs stay small."""

MATRICES = ("s", "y", "inverse", "s_y")


class Row(NamedTuple):
    """Where a pair is kept: views of its rows, of its row and column in the triangle, and of their crossing."""

    s: Tensor
    y: Tensor
    beside: Tensor
    column: Tensor
    corner: Tensor
    s_y: Tensor


class LimitedMemory:
    """The two-loop recursion as products of matrices: four with the history, whatever its length.

    With the rows S and Y of the pairs and the triangle R of all s'y, the first loop is v = gamma (Y'u - g) for
    u = R^-1 S g, the second -H g = v - S' R^-T (diag(s'y) u + Y v): Byrd, Nocedal & Schnabel 1994, "Representations
    of quasi-Newton matrices and their use in limited memory methods", theorem 2.2 factored,
    https://doi.org/10.1007/BF01582063. The inverse of R is kept: a new pair adds one column, and the oldest pair's
    row and column are overwritten, so the ring of rows needs no order. Rows not yet used are zero and change nothing.
    """

    def __init__(self, history_size: int, damping: float = 0.0) -> None:
        self.history_size = history_size
        self.damping = damping
        self.learned = 0
        self.rows: list[Row] = []
        self.s = self.y = self.inverse = self.s_y = self.gamma = torch.empty(0)

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
        u = torch.mv(self.inverse, torch.mv(self.s, here.gradient))
        v = torch.addmv(here.gradient, self.y.t(), u, beta=-1).mul_(self.gamma)
        w = torch.addmv(self.s_y * u, self.y, v)
        return torch.addmv(v, self.s.t(), torch.mv(self.inverse.t(), w), alpha=-1)

    def matrix(self) -> Tensor:
        """Return H multiplied out, shape (n, n)."""
        left = self.inverse @ self.s
        first = torch.eye(self.s.shape[1]).to(self.s) - self.y.t() @ left
        return self.gamma * (first.t() @ first) + left.t() @ (self.s_y[:, None] * left)

    def learn(self, step: Step) -> None:
        """Store the pair (s, y) where it bends upwards, else leave the memory as it is."""
        if self.history_size == 0 or not (step.bends_up or self.damping):
            return
        row = self._next(step.direction)
        torch.mul(step.direction, step.alpha, out=row.s)
        self._border(row, gradient_change(step, self.damping, out=row.y)[1])

    def remember(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Store a pair that some other run has seen."""
        row = self._next(s)
        row.s.copy_(s)
        row.y.copy_(y)
        self._border(row, curvature)

    def _next(self, vector: Tensor) -> Row:
        """Return where the next pair goes: over the oldest, once there is no more room to make."""
        if self.fresh or self.count == len(self.s):
            self._make_room(vector)
        row = self.rows[self.learned % self.history_size]
        if self.learned >= self.history_size:
            row.beside.zero_()
            row.column.zero_()
        return row

    def _border(self, row: Row, curvature: float) -> None:
        """Border the triangle: [[R, c], [0, r]] has the inverse column (-R^-1 c, 1) / r."""
        column = torch.mv(self.inverse, torch.mv(self.s, row.y))
        torch.mul(column, -1 / curvature, out=row.column)
        row.corner.fill_(1 / curvature)
        row.s_y.fill_(curvature)
        self.gamma = torch.dot(row.y, row.y).reciprocal_().mul_(curvature)
        self.learned += 1

    def _make_room(self, vector: Tensor) -> None:
        """Set aside the first rows, or twice as many as there are."""
        if self.fresh:
            self._set_aside(min(FIRST_ROOM, self.history_size), vector)
        elif len(self.s) < self.history_size:
            before = {name: getattr(self, name) for name in MATRICES}
            self._set_aside(min(2 * len(self.s), self.history_size), vector)
            self._fill(before)

    def _set_aside(self, room: int, vector: Tensor) -> None:
        """Make the matrices with `room` rows of zeros."""
        self.s, self.y = vector.new_zeros(room, vector.numel()), vector.new_zeros(room, vector.numel())
        self.inverse, self.s_y = vector.new_zeros(room, room), vector.new_zeros(room)
        inverse = self.inverse
        views = (self.s, self.y, inverse, inverse.t(), inverse.diagonal(), self.s_y)
        self.rows = [Row(*parts) for parts in zip(*(view.unbind(0) for view in views), strict=True)]

    def _fill(self, rows: Mapping[str, Tensor]) -> None:
        """Copy the matrices of fewer rows."""
        k = len(rows["s"])
        self.s[:k], self.y[:k], self.s_y[:k] = rows["s"], rows["y"], rows["s_y"]
        self.inverse[:k, :k] = rows["inverse"]

    def displaced(self) -> None:
        """Keep every pair: it tells of the curvature, wherever it was seen."""

    def state(self) -> dict[str, Any]:
        """Return the used rows of the history and of the small matrices."""
        if self.fresh:
            return {"learned": 0}
        k = self.count
        rows = {"s": self.s[:k], "y": self.y[:k], "inverse": self.inverse[:k, :k], "s_y": self.s_y[:k]}
        copies = {name: part.clone() for name, part in rows.items()}
        return {"learned": self.learned, "room": len(self.s), "gamma": self.gamma.clone(), **copies}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.learned = state["learned"]
        if not self.fresh:
            self._set_aside(state["room"], state["s"][0])
            self._fill(state)
            self.gamma = state["gamma"].clone()

    def oldest_first(self) -> list[tuple[Tensor, Tensor]]:
        """Return copies of the pairs (s, y)."""
        first = self.learned % self.history_size if self.learned > self.history_size else 0
        order = [(first + i) % self.history_size for i in range(self.count)]
        s, y = self.s.clone(), self.y.clone()
        return [(s[i], y[i]) for i in order]
