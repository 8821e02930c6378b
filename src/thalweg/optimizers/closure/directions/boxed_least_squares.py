"""The linear model of residuals within a radius and a box: Levenberg and Marquardt's step along the walls."""

from __future__ import annotations

import torch
from torch import Tensor

from ..function.vector import read_numbers
from .damped_least_squares import DampedStep, LinearModel

SHARES = 0.5 ** torch.arange(24, dtype=torch.float32, device="cpu")
"""How much of the projected gradient's path is tried, as shares of the longest."""


class BoxedModel:
    """min |J p + r| for |D p| <= radius and low <= p <= high; zero lies within.

    Numbers that the step would take out of the box are put on its wall, and the others answer anew, until all are
    inside: every round adds a wall, so there are at most n. Where that promises less than a tenth of the best point on
    the projected gradient's path, that point is the step: Conn, Gould & Toint 2000, "Trust-Region Methods", section
    12.2, which is what convergence needs. `pinned` marks numbers that start on a wall and are pushed against it.
    """

    def __init__(self, model: LinearModel, low: Tensor, high: Tensor, pinned: Tensor) -> None:
        self.whole = model
        self.low, self.high, self.pinned = low, high, pinned
        self.jacobian, self.residuals, self.scaling = model.jacobian, model.residuals, model.scaling
        self.reduced, self.target = model.reduced()
        self.gradient = torch.mv(self.reduced.t(), self.target)

    def step(self, radius: float) -> DampedStep:
        """Return a step within radius and box; its damping is that of the numbers that no wall stops."""
        straight = None if bool(self.pinned.any()) else self.whole.step(radius)
        if straight is not None and self.inside(straight.p):
            return straight
        along = self._along_walls(radius)
        steep = self._steepest(radius)
        return along if along.promised >= 0.1 * steep.promised else steep

    def answer(self, residuals: Tensor, damping: float) -> Tensor:
        """Return the whole model's answer to other residuals; whoever adds it to a step looks where it leads."""
        return self.whole.answer(residuals, damping)

    def inside(self, p: Tensor) -> bool:
        """Return whether a step stays in the box."""
        return bool(((p >= self.low) & (p <= self.high)).all())

    def _along_walls(self, radius: float) -> DampedStep:
        """Return the step that puts numbers on the walls until the rest is inside."""
        free = ~self.pinned
        p = torch.zeros_like(self.low)
        damping = 0.0
        while bool(free.any()):
            left = self.target + self.reduced[:, ~free] @ p[~free]
            used = read_numbers(torch.linalg.vector_norm(self.scaling * p * ~free))[0]
            room = max(radius * radius - used * used, 1e-4 * radius * radius) ** 0.5
            inner = LinearModel(self.reduced[:, free], left, self.scaling[free]).step(room)
            p[free], damping = inner.p, inner.damping
            out = (p < self.low) | (p > self.high)
            p = torch.clamp(p, self.low, self.high)
            if not bool(out.any()):
                break
            free &= ~out
        return self._judged(p, damping)

    def _steepest(self, radius: float) -> DampedStep:
        """Return the best point tried on the way down the gradient, bent along the walls."""
        down = torch.where(self.pinned, 0.0, -self.gradient / self.scaling.square())
        length = torch.linalg.vector_norm(self.scaling * down).clamp_min(torch.finfo(down.dtype).tiny)
        shares = SHARES.to(down)[:, None] * (radius / length)
        paths = torch.clamp(shares * down, self.low, self.high)
        squares = (paths @ self.reduced.t() + self.target).square().sum(1)
        return self._judged(paths[squares.argmin()], 0.0)

    def _judged(self, p: Tensor, damping: float) -> DampedStep:
        """Return the step with its length and what it promises."""
        change = torch.mv(self.reduced, p)
        promised = -(torch.dot(self.target, change) + 0.5 * torch.dot(change, change))
        length, decrease = read_numbers(torch.linalg.vector_norm(self.scaling * p), promised)
        return DampedStep(p, damping, length, decrease)


Model = LinearModel | BoxedModel
"""What a step is taken from."""
