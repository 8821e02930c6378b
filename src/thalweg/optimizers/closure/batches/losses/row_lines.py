"""The lines through the points of rows along which their neighbours are looked at, as in `run/lines.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...run.lines import NOTHING, REACH, directions
from ...run.verdict import HIDDEN
from .row_losses import Differentiable
from .row_search import Searching, has_shrunk


class Look(NamedTuple):
    """What is seen at a share of the move of each row: the change of the loss, the slope there, and the gradient."""

    share: Tensor
    change: Tensor
    slope: Tensor
    gradient: Tensor

    def kept(self, mask: Tensor) -> Look:
        """Return what is seen of some rows."""
        return Look(*(each[mask] for each in self))


@dataclass(frozen=True, slots=True)
class Lines:
    """A line through the point of each row: `move` reaches as far as one looks, and gradients promised that `slope`."""

    losses: Differentiable
    rows: Searching
    move: Tensor
    slope: Tensor

    @property
    def epsilon(self) -> float:
        """The rounding of a number next to one."""
        return torch.finfo(self.move.dtype).eps

    @property
    def reach(self) -> float:
        """How far one looks, as a share of the numbers' sizes."""
        return math.pow(self.epsilon, REACH)

    @property
    def rounding(self) -> Tensor:
        """What a fall must exceed."""
        return HIDDEN * self.epsilon * self.rows.value.abs()

    def look(self, share: Tensor) -> Look:
        """Return what is seen at a share of the move for each row."""
        x = self.rows.inside(self.rows.x + share[:, None] * self.move)
        value, gradient = self.rows.at(self.losses, x)
        return Look(share, value - self.rows.value, (gradient * self.move).sum(1), gradient)

    def is_lower(self, look: Look) -> Tensor:
        """Return whether a change is a fall that can be seen, and more than twice what the gradient has promised."""
        return look.change < 2 * (look.share * self.slope).clamp_max(0) - self.rounding

    def is_flat(self, *looks: Look) -> Tensor:
        """Return where no change can be seen."""
        return torch.stack([look.change.abs() <= self.rounding for look in looks]).all(0)

    def downwards(self, look: Look) -> Lines:
        """Return the lines of those numbers alone whose slope turns down ahead, and which were at rest: at a saddle."""
        rows, nothing = self.rows, NOTHING * self.epsilon
        turned = (look.gradient - rows.gradient) * self.move < 0
        slopes = (rows.gradient * self.move).abs()
        turned &= slopes <= self.reach * nothing * rows.value.abs()[:, None]
        turned &= rows.step.abs() <= nothing * torch.where(rows.x == 0, size_of(rows.x)[:, None], rows.x.abs())
        move = torch.where(turned, self.move, 0.0)
        return Lines(self.losses, rows, move, (rows.gradient * move).sum(1))

    def kept(self, mask: Tensor) -> Lines:
        """Return the lines of some rows."""
        return Lines(self.losses, self.rows.kept(mask), self.move[mask], self.slope[mask])


def lines_through(losses: Differentiable, rows: Searching) -> Lines:
    """Return a line for each row, of the numbers that no wall stops; what has shrunk is measured by its first size."""
    sizes = torch.where(rows.x == 0, size_of(rows.x)[:, None], rows.x.abs())
    sizes = torch.where(has_shrunk(rows)[:, None], rows.first_size[:, None], sizes)
    sizes = torch.where(sizes == 0, torch.ones_like(sizes), sizes)
    far = torch.finfo(sizes.dtype).eps ** REACH * sizes
    ahead, back = rows.inside(rows.x + far) - rows.x, rows.x - rows.inside(rows.x - far)
    move = directions(rows.x[0]) * torch.minimum(ahead, back)
    return Lines(losses, rows, move, (rows.gradient * move).sum(1))


def size_of(x: Tensor) -> Tensor:
    """Return the largest magnitude of each row."""
    return x.abs().amax(1)
