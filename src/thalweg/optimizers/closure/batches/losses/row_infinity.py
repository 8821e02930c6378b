"""Which rows of a batch run to infinity: the looks of a single run (`run/infinity.py`), row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...run.infinity import (
    BEYOND_EDGE,
    FAR,
    FARTHER,
    HALVINGS,
    JUMPS,
    LONGER,
    MANY,
    PASSING,
    SLOW,
    STEEP,
    STRIDE,
    ways_back,
)
from ...run.stopping import BELOW_ROUNDING
from ...run.valley import GROWN
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

    def rise(self, rows: Searching, move: Tensor) -> Tensor:
        """Return by how much a move raises the loss of each row, 0 where the rounding of the numbers explains it."""
        value, gradient = self.at(rows, move)
        rise, pulled = value - rows.value, (gradient * rows.x).abs().sum(1)
        return torch.where(rise > HIDDEN * torch.finfo(move.dtype).eps * pulled, rise, 0.0)

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
    grown = unwalled(rows, torch.where(rows.x.abs() > FAR * rows.first_size[:, None], rows.x, 0.0))
    change, rounding = looks.change(rows, grown), rounding_of(rows)
    return torch.where(is_lost, change <= rounding, change < -rounding) & (grown != 0).any(1)


def unwalled(rows: Searching, move: Tensor) -> Tensor:
    """Return moves of those numbers alone that meet no wall on them, however far they go."""
    return torch.where(rows.inside(move * torch.inf).isinf(), move, 0.0)


def strides(rows: Searching) -> Tensor:
    """Return for which rows the last step was long, made large numbers larger, and left them beyond their start."""
    size, was = largest(rows.x), largest(rows.x - rows.step)
    return (size > was) & (largest(rows.step) > STRIDE * size) & (size >= rows.first_size)


def stride_on(looks: Looks, rows: Searching) -> Tensor:
    """Return where more of the last step, up to twice the size of the numbers, leads down for good."""
    return lead_down(looks, rows, unwalled(rows, rows.step * (largest(rows.x) / largest(rows.step))[:, None]))


def have_fallen(rows: Searching) -> Tensor:
    """Return which rows lie lower than they began, but not on their way to a loss of zero with slopes still there."""
    fallen = rows.highest - rows.value
    is_lost = rows.value.abs() <= torch.finfo(rows.x.dtype).eps ** 2 * fallen
    is_on_its_way = is_lost & (largest(rows.gradient) > 0) & (largest(rows.x) <= GROWN * rows.first_size)
    return (fallen > 0) & ~is_on_its_way


def level_off(looks: Looks, rows: Searching) -> Tensor:
    """Return where numbers that neither slopes nor walls hold back at twice their size lead down for good."""
    _, gradient = looks.at(rows, rows.x)
    loose = gradient * rows.x <= rounding_of(rows)[:, None]
    return lead_down(looks, rows, unwalled(rows, torch.where(loose, rows.x, 0.0)))


def lead_down(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is never higher along a move, and falls visibly on it, or has fallen on its way here."""
    leads = (move != 0).any(1)
    for ask in (never_rise, fall_or_have_fallen, know_sizes):
        if bool(leads.any()):
            leads[leads.clone()] = ask(looks, rows.kept(leads), move[leads])
    return leads


def never_rise(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is nowhere higher along a move; the farthest point is asked first, and mostly alone."""
    rounding = rounding_of(rows)
    noise = torch.maximum(rounding, JUMPS * math.sqrt(torch.finfo(move.dtype).eps) * (rows.highest - rows.value))
    low = looks.change(rows, FARTHER[0] * move) <= rounding
    for share in FARTHER[1:]:
        if bool(low.any()):
            low = low & (looks.change(rows, share * move) <= noise)
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
    level, higher, rise = where_it_rises(looks, rows, move)
    for _ in range(HALVINGS):
        middle = (level + higher) / 2
        change = looks.rise(rows, middle[:, None] * move)
        rises = change > rounding
        level, higher = torch.where(rises, level, middle), torch.where(rises, middle, higher)
        rise = torch.where(rises, change, rise)
    steep = looks.change(rows, (higher - BEYOND_EDGE * (1 + higher))[:, None] * move)
    flat = torch.maximum(JUMPS * rise, torch.maximum(STEEP * fallen, MANY * rounding))
    return steep < flat  # NaN where it rises nowhere


def where_it_rises(looks: Looks, rows: Searching, move: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the last share of the way back at which the loss is level, the first at which it rises, and by how much.

    The last two are NaN where it rises nowhere.
    """
    level = torch.zeros_like(rows.value)
    higher, rise = torch.full_like(level, torch.nan), torch.full_like(level, torch.nan)
    for share in ways_back(move.dtype):
        change = looks.rise(rows, share * move)
        rises = (change > rounding_of(rows)) & (change < torch.inf) & higher.isnan()
        higher, rise = torch.where(rises, share, higher), torch.where(rises, change, rise)
        level = torch.where(higher.isnan(), share, level)
    return level, higher, rise


def know_sizes(looks: Looks, rows: Searching, move: Tensor) -> Tensor:
    """Return where the loss is another one if all numbers are smaller; else only their ratios count."""
    hidden = HIDDEN * torch.finfo(move.dtype).eps * rows.value.abs()
    changes = [looks.change(rows, share * rows.x).abs() > hidden for share in reversed(ways_back(move.dtype))]
    return torch.stack(changes).any(0)


def creep(rows: Searching) -> Tensor:
    """Return for which rows the last step has left much of its slope, as on the way to zero of x^3."""
    here = (rows.gradient * rows.step).sum(1)
    return (here <= 0) & ((1 + SLOW) * here <= -2 * SLOW * rows.fall) & (rows.step != 0).any(1)


def pass_through(losses: RowLosses, rows: Searching) -> tuple[Tensor, int]:
    """Return for which rows more of the last step never rises, and falls ever faster, and the calls made."""
    asked = creep(rows)
    if not bool(asked.any()):
        return asked, 0
    looks, some = Looks(losses), rows.kept(asked)
    step = seen_step(looks, some)
    far = looks.change(some, step) < -rounding_of(some)
    asked[asked.clone()] = far
    if bool(far.any()):
        asked[asked.clone()] = fall_faster(looks, some.kept(far), step[far])
    return asked, looks.calls


def seen_step(looks: Looks, rows: Searching) -> Tensor:
    """Return the last step of each row, so often repeated that the loss tells of it."""
    step, unseen = PASSING * rows.step, torch.ones_like(rows.value, dtype=torch.bool)
    for _ in range(LONGER - 1):
        unseen = unseen & (looks.change(rows, step).abs() <= rounding_of(rows))
        if not bool(unseen.any()):
            break
        step = torch.where(unseen[:, None], PASSING * step, step)
    return step


def fall_faster(looks: Looks, rows: Searching, step: Tensor) -> Tensor:
    """Return where the loss falls more on the second half of a step than on the first, and rises nowhere near."""
    rounding, far, middle = rounding_of(rows), looks.change(rows, step), looks.change(rows, step / 2)
    faster = (far - 2 * middle < -rounding) & (middle <= rounding)
    for share in FARTHER[2:]:
        faster = faster & (looks.change(rows, share * step) <= rounding)
    return faster


def rounding_of(rows: Searching) -> Tensor:
    """Return what a change must exceed to be seen."""
    return BELOW_ROUNDING * torch.finfo(rows.x.dtype).eps * rows.value.abs()
