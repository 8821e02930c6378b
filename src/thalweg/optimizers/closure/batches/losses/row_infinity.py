"""Which rows of a batch run to infinity: the looks of a single run (`run/infinity.py`), row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...run.infinity import BACK, BEYOND_EDGE, FAR, FARTHER, HALVINGS, MANY, STEEP, STRIDE
from ...run.stopping import BELOW_ROUNDING
from ...run.verdict import HIDDEN
from .row_losses import RowLosses
from .row_search import Searching, largest


@dataclass(slots=True)
class Looks:
    """The losses beside the points of some rows, and how often they were called for."""

    losses: RowLosses
    calls: int = 0

    def change(self, rows: Searching, move: Tensor) -> Tensor:
        """Return by how much a move changes the loss of each row, inside its walls."""
        return self.at(rows, move)[0] - rows.value

    def at(self, rows: Searching, move: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and gradients after a move, inside the walls of each row."""
        self.calls += 1
        return rows.at(self.losses, rows.inside(rows.x + move))


def go_on(losses: RowLosses, rows: Searching) -> tuple[Tensor, int]:
    """Return for which rows larger numbers are as good or better for good, and the calls made."""
    looks = Looks(losses)
    endless = torch.zeros_like(rows.value, dtype=torch.bool)
    for is_asked, leads_on in ((have_grown, run_away), (strides, stride_on), (have_fallen, level_off)):
        asked = is_asked(rows) & ~endless
        if bool(asked.any()):
            endless[asked] = leads_on(looks, rows.kept(asked))
    return endless, looks.calls


def have_grown(rows: Searching) -> Tensor:
    """Return which rows have numbers far beyond their first size."""
    return largest(rows.x) > FAR * rows.first_size


def run_away(looks: Looks, rows: Searching) -> Tensor:
    """Return where numbers twice as large still win, or lose nothing where the first size is lost in rounding."""
    is_lost = rows.first_size < torch.finfo(rows.x.dtype).eps * largest(rows.x)
    return looks.change(rows, rows.x) < torch.where(is_lost, 1, -1) * rounding_of(rows)


def strides(rows: Searching) -> Tensor:
    """Return for which rows the last step was long, made large numbers larger, and left them beyond their start."""
    size, was = largest(rows.x), largest(rows.x - rows.step)
    return (size > was) & (largest(rows.step) > STRIDE * size) & (size >= rows.first_size)


def stride_on(looks: Looks, rows: Searching) -> Tensor:
    """Return where more of the last step, up to twice the size of the numbers, leads down for good."""
    return lead_down(looks, rows, rows.step * (largest(rows.x) / largest(rows.step))[:, None])


def have_fallen(rows: Searching) -> Tensor:
    """Return which rows lie lower than they began, but not on their way to a loss of zero: those still have slopes."""
    fallen = rows.highest - rows.value
    is_lost = rows.value.abs() <= torch.finfo(rows.x.dtype).eps ** 2 * fallen
    return (fallen > 0) & ~(is_lost & (largest(rows.gradient) > 0))


def level_off(looks: Looks, rows: Searching) -> Tensor:
    """Return where numbers that neither slopes nor walls hold back at twice their size lead down for good."""
    _, gradient = looks.at(rows, rows.x)
    loose = (gradient * rows.x <= rounding_of(rows)[:, None]) & rows.inside(rows.x * torch.inf).isinf()
    return lead_down(looks, rows, torch.where(loose, rows.x, 0.0))


def lead_down(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is never higher along a move, and falls visibly on it, or has fallen on its way here."""
    leads = (move != 0).any(1)
    for ask in (never_rise, fall_or_have_fallen, know_sizes):
        if bool(leads.any()):
            leads[leads.clone()] = ask(looks, rows.kept(leads), move[leads])
    return leads


def never_rise(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is nowhere higher along a move; the farthest point is asked first, and mostly alone."""
    low = torch.ones_like(rows.value, dtype=torch.bool)
    for share in FARTHER:
        if bool(low.any()):
            low = low & (looks.change(rows, share * move) <= rounding_of(rows))
    return low


def fall_or_have_fallen(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss falls visibly along a move, or has fallen to where it is, and become flat slowly."""
    falls = looks.change(rows, FARTHER[0] * move) < -rounding_of(rows)
    if not bool(falls.all()):
        falls[~falls] = have_levelled_off(looks, rows.kept(~falls), move[~falls])
    return falls


def have_levelled_off(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss was higher behind, and has become flat slowly; an edge, as a hinge has, ends it."""
    rounding, fallen = rounding_of(rows), rows.highest - rows.value
    level, higher = where_it_rises(looks, rows, move)
    for _ in range(HALVINGS):
        middle = (level + higher) / 2
        rises = looks.change(rows, middle[:, None] * move) > rounding
        level, higher = torch.where(rises, level, middle), torch.where(rises, middle, higher)
    steep = looks.change(rows, (higher - BEYOND_EDGE * (1 + higher))[:, None] * move)
    return steep < torch.maximum(STEEP * fallen, MANY * rounding)  # NaN where it rises nowhere


def where_it_rises(looks: Looks, rows: Searching, move: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last share of the way back at which the loss is level, and the first at which it is higher, or NaN."""
    level, higher = torch.zeros_like(rows.value), torch.full_like(rows.value, torch.nan)
    for share in BACK:
        change = looks.change(rows, share * move)
        rises = (change > rounding_of(rows)) & (change < torch.inf)
        higher = torch.where(higher.isnan() & rises, share, higher)
        level = torch.where(higher.isnan(), share, level)
    return level, higher


def know_sizes(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is another one if all numbers are smaller; else only their ratios count."""
    hidden = HIDDEN * torch.finfo(move.dtype).eps * rows.value.abs()
    changes = [looks.change(rows, share * rows.x).abs() > hidden for share in reversed(BACK)]
    return torch.stack(changes).any(0)


def rounding_of(rows: Searching) -> Tensor:
    """Return what a change must exceed to be seen."""
    return BELOW_ROUNDING * torch.finfo(rows.x.dtype).eps * rows.value.abs()
