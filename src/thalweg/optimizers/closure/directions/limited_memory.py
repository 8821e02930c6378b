"""Limited-memory BFGS: the last pairs of steps and gradient changes stand for the inverse Hessian."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ....engine.llvm.closure_methods.history import History
from ....engine.llvm.language.vectors import KINDS
from ..function.objective import Point
from ..function.vector import accurate, dot
from .curvature import gradient_change, value_correction
from .first_diagonal import FirstDiagonal
from .krylov import Operator
from .over_relaxation import OverRelaxation
from .steepest import first_trial
from .step import Step

FIRST_ROOM = 16
"""Rows set aside at first; the room doubles up to the history's size, so that short runs stay small."""

FEW_NUMBERS = 128
"""Numbers up to which a vector gets four times the rows at first: to make room again takes longer than to zero them."""

NOTHING = torch.empty(0, dtype=torch.float32, device="cpu")
"""What stands for the matrices before the first pair."""

AGAIN = 4
"""How many of the last pairs count twice."""

SMALL = 100_000
"""Numbers of a history up to which compiled loops take less time than calls of torch, which uses several threads."""


class LimitedMemory:
    """The two-loop recursion as products of matrices: four with the history, whatever its length.

    A pair is kept as s and z = -y, in the unit of length that makes s'y = 1, which changes no direction. With the rows
    S and Z of the pairs and the triangle R of all s'y, the first loop is v = (g + Z'u) / y'y for u = R^-1 S g, the
    second H g = v + S' R^-T (u + Z v): Byrd, Nocedal & Schnabel 1994, "Representations of quasi-Newton matrices and
    their use in limited memory methods", theorem 2.2 factored, https://doi.org/10.1007/BF01582063. What R^-1 has above
    its diagonal of ones is kept: a new pair adds one column, and the oldest pair's row and column are overwritten, so
    the ring of rows needs no order. Rows not yet used are zero and change nothing. A refined memory begins from a
    diagonal, and its last pairs count twice: H is bent to them once more, by the same formula with H in place of the
    first, since each update spoils a little what the one before it had set right. On the CPU a small history is
    multiplied in one call of compiled code: `engine/llvm/closure_methods/history.py`.
    """

    def __init__(self, history_size: int, damping: float = 0.0, refined: bool = False) -> None:
        self.history_size = history_size
        self.refined = refined
        self.relaxed = OverRelaxation()
        self.damping = damping
        self._has(0)
        self.s = self.z = self.above = self.y_y = NOTHING
        self.first: FirstDiagonal
        self.compiled: History | None = None
        self.room = 0

    @property
    def fresh(self) -> bool:
        """Whether no pair is stored."""
        return self.learned == 0

    def _has(self, learned: int) -> None:
        """Count the pairs: those learned ever and stored, the rows in use, the newest, and those that count twice."""
        self.learned = learned
        self.count = min(learned, self.history_size)
        self.newest = (learned - 1) % self.history_size if learned else 0
        # A single pair has nothing to add.
        self.again = min(AGAIN, self.count) if self.refined and self.count > 1 else 0

    def forget(self) -> None:
        """Drop every pair."""
        self._has(0)
        self.relaxed.forget()

    def first_trial(self, here: Point, slope: float) -> float:
        """Return 1, the Newton step, or how much longer it should be; without memory a step of guessed length."""
        return first_trial(here, slope) if self.learned == 0 else self.relaxed.factor

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return -H g."""
        return -here.gradient if self.learned == 0 else self.against(here.gradient)

    def against(self, gradient: Tensor) -> Tensor:
        """Return -H times any vector; there is a pair."""
        if self.compiled is not None:
            return self.compiled.direction(self.count, self.newest, self.again, gradient)
        return self._bent_again(self._by_all, gradient).neg_()

    def _by_all(self, gradient: Tensor) -> Tensor:
        """Return H times a vector, each pair counting once."""
        return compact(self.s, self.z, self.above, partial(self.first.times, self.y_y), gradient)

    def _bent_again(self, first: Callable[[Tensor], Tensor], gradient: Tensor) -> Tensor:
        """Return `first` bent to the last pairs, times a vector."""
        if not self.again:
            return first(gradient)
        last = [(self.newest - i) % self.history_size for i in reversed(range(self.again))]
        return compact(self.s[last], self.z[last], self.above[last][:, last], first, gradient)

    def matrix(self) -> Tensor:
        """Return H multiplied out, shape (n, n), of a memory that is not refined, in n^2 m products.

        It is F'F / y'y + L'L for L = R^-1 S and F = 1 + Z'L.
        """
        left = self.s + self.above @ self.s
        first = torch.eye(self.s.shape[1], dtype=self.s.dtype, device=self.s.device).addmm_(self.z.t(), left)
        right = (self.z @ first).div_(self.y_y).add_(left)
        return torch.addmm(first.t().div(self.y_y), right.t(), left)

    def learn(self, step: Step) -> None:
        """Store the pair (s, y) where it bends upwards, else leave the memory as it is."""
        if self.history_size == 0 or not (step.bends_up or self.damping):
            return
        if self.refined and self.learned:
            self.relaxed.learn(step)
        place, compiled = self._next(step.direction), self.compiled
        if compiled is None or self.damping:
            y, factor, curvature = gradient_change(step, self.damping, out=self.z[place])
            unit = 1 / math.sqrt(curvature)
            self._border(place, step.direction, step.alpha * unit, y.mul_(-factor * unit))
            return
        factor = value_correction(step)
        unit = 1 / math.sqrt(step.curvature * factor)
        gradients = step.before.gradient, step.here.gradient
        compiled.learn(self.count, place, *gradients, -factor * unit, step.direction, step.alpha * unit)
        self._has(self.learned + 1)

    def remember(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Store a pair that some other run has seen."""
        place, unit = self._next(s), 1 / math.sqrt(curvature)
        if self.compiled is not None:
            self.compiled.remember(self.count, place, s, y, unit)
            self._has(self.learned + 1)
            return
        self._border(place, s, unit, torch.mul(y, -unit, out=self.z[place]))

    def _next(self, vector: Tensor) -> int:
        """Return where the next pair goes: over the oldest, once there is no more room to make."""
        if self.learned == 0 or (self.learned == self.room and self.room < self.history_size):
            self._make_room(vector)
        return self.learned % self.history_size

    def _border(self, place: int, direction: Tensor, alpha: float, z: Tensor) -> None:
        """Border the triangle: [[R, c], [0, 1]] has the inverse column (-R^-1 c, 1)."""
        if self.learned >= self.history_size:
            self.s[place].zero_()
            self.above[place].zero_()
        products = torch.mv(self.s, z)
        self.above[:, place].copy_(torch.addmv(products, self.above, products))
        torch.mul(direction, alpha, out=self.s[place])
        self.y_y.copy_(dot(z, z))
        self.first.learn(self.s[place], z, self.y_y, self.learned == 0)
        self._has(self.learned + 1)

    def _make_room(self, vector: Tensor) -> None:
        """Set aside the first rows, or twice as many as there are."""
        if self.learned == 0:
            rows = FIRST_ROOM * (4 if vector.numel() <= FEW_NUMBERS else 1)
            self._set_aside(min(rows, self.history_size), vector)
        else:
            before, first = (self.s, self.z, self.above), self.first
            self._set_aside(min(2 * self.room, self.history_size), vector)
            self._fill(*before)
            self.first.both.copy_(first.both)

    def _set_aside(self, room: int, vector: Tensor) -> None:
        """Make the matrices with `room` rows of zeros."""
        self.room = room
        self.s, self.z = vector.new_zeros(room, vector.numel()), vector.new_zeros(room, vector.numel())
        self.above = vector.new_zeros(room, room)
        self.y_y = vector.new_zeros((), dtype=accurate(vector.device))
        self.first = FirstDiagonal(vector, self.refined)
        small = type(vector) is Tensor and vector.is_cpu and vector.dtype in KINDS and self.s.numel() <= SMALL
        kept = self.s, self.z, self.above, self.y_y, self.first.both
        self.compiled = History(*kept, self.first.margin) if small else None

    def _fill(self, s: Tensor, z: Tensor, above: Tensor) -> None:
        """Copy the matrices of fewer rows."""
        k = len(s)
        self.s[:k], self.z[:k], self.above[:k, :k] = s, z, above

    def displaced(self) -> None:
        """Keep every pair: it tells of the curvature, wherever it was seen."""

    def state(self) -> dict[str, Any]:
        """Return the used rows of the history and of the small matrices."""
        if self.fresh:
            return {"learned": 0}
        k = self.count
        rows = {"s": self.s[:k].clone(), "y": self.z[:k].neg(), "above": self.above[:k, :k].clone()}
        own = {"learned": self.learned, "room": self.room, "y_y": self.y_y.clone()}
        return own | rows | self.first.state() | (self.relaxed.state() if self.refined else {})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self._has(state["learned"])
        if not self.fresh:
            self._set_aside(state["room"], state["s"][0])
            self._fill(state["s"], -state["y"], state["above"])
            self.first.restore(state)
            self.y_y.copy_(state["y_y"])
        self.relaxed.restore(state)

    @property
    def places(self) -> list[int]:
        """Where the pairs are, from the oldest to the newest."""
        first = self.learned % self.history_size if self.learned > self.history_size else 0
        return [(first + i) % self.history_size for i in range(self.count)]


def compact(s: Tensor, z: Tensor, above: Tensor, first: Callable[[Tensor], Tensor], vector: Tensor) -> Tensor:
    """Return H times a vector: the first H bent to pairs, of which the last holds exactly."""
    u = torch.mv(s, vector)
    u = torch.addmv(u, above, u)
    v = first(torch.addmv(vector, z.t(), u))
    w = torch.addmv(u, z, v)
    return torch.addmv(v, s.t(), torch.addmv(w, above.t(), w))
