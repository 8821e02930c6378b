"""The minima of a batch are probed as that of a single run is (`run/probe.py`), row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...run.lines import REACH, directions
from ...run.probe import HALVES, LIKE
from ...run.verdict import HIDDEN
from .row_losses import RowLosses
from .row_search import Searching


@dataclass(frozen=True, slots=True)
class Lines:
    """A line through the point of each row: `move` reaches as far as one looks, and gradients promised that `slope`."""

    losses: RowLosses
    rows: Searching
    move: Tensor
    slope: Tensor

    def change(self, share: Tensor) -> Tensor:
        """Return by how much the losses change, at a share of the move for each row."""
        x = self.rows.inside(self.rows.x + share[:, None] * self.move)
        return self.rows.at(self.losses, x)[0] - self.rows.value

    @property
    def rounding(self) -> Tensor:
        """What a fall must exceed."""
        return HIDDEN * torch.finfo(self.move.dtype).eps * self.rows.value.abs()

    def is_lower(self, change: Tensor, share: Tensor) -> Tensor:
        """Return whether a change is a fall that can be seen, and more than twice what the gradient has promised."""
        return change < 2 * (share * self.slope).clamp_max(0) - self.rounding

    def kept(self, mask: Tensor) -> Lines:
        """Return the lines of some rows."""
        return Lines(self.losses, self.rows.kept(mask), self.move[mask], self.slope[mask])


def refuted(losses: RowLosses, rows: Searching) -> tuple[Tensor, int]:
    """Return which rows lie at no minimum after all, and the calls made: two, and four where a loss lies lower."""
    lines = lines_through(losses, rows)
    share = suspected(lines)
    doubted = share != 0
    if not bool(doubted.any()):
        return doubted, 2
    suspects, share = lines.kept(doubted), share[doubted]
    falls = [suspects.change(share * part) for part in HALVES]
    doubted[doubted.clone()] = suspects.is_lower(falls[0], share) & is_parabola(falls)
    return doubted, 2 + len(HALVES)


def lines_through(losses: RowLosses, rows: Searching) -> Lines:
    """Return a line for each row, of the numbers that no wall stops."""
    sizes = torch.where(rows.x == 0, rows.x.abs().amax(1, keepdim=True), rows.x.abs())
    sizes = torch.where(sizes == 0, torch.ones_like(sizes), sizes)
    far = torch.finfo(sizes.dtype).eps ** REACH * sizes
    ahead, back = rows.inside(rows.x + far) - rows.x, rows.x - rows.inside(rows.x - far)
    move = directions(rows.x[0]) * torch.minimum(ahead, back)
    return Lines(losses, rows, move, (rows.gradient * move).sum(1))


def suspected(lines: Lines) -> Tensor:
    """Return at which share of its move the loss of each row should be lower, zero where nowhere."""
    one = torch.ones_like(lines.slope)
    ahead, back = lines.change(one), lines.change(-one)
    odd, even = (ahead - back) / 2, (ahead + back) / 2
    hidden = lines.rounding + HIDDEN * torch.finfo(odd.dtype).eps * even.abs()
    is_other = ((odd - lines.slope).abs() > odd.abs() / 2) & (odd.square() > 4 * even * hidden) & (even > 0)
    share = torch.where(is_other, -odd / (2 * even), 0.0)
    share = torch.where(lines.is_lower(back, -one) & ~(ahead < back), -one, share)
    return torch.where(lines.is_lower(ahead, one) & ~(back < ahead), one, share)


def is_parabola(falls: list[Tensor]) -> Tensor:
    """Return whether four losses of each row, each at half the distance of the one before, lie on a parabola."""
    slope, bend = 4 * falls[1] - falls[0], 2 * falls[0] - 4 * falls[1]
    far = [((slope + bend * part) * part - fall).abs() for part, fall in zip(HALVES, falls, strict=True)]
    return (falls[-1] < 0) & (torch.stack(far).amax(0) <= LIKE * falls[0].abs())
