"""Which rows of a batch run to infinity: the looks of a single run (`run/infinity.py`), row by row."""

from __future__ import annotations

import torch
from torch import Tensor

from ...run.infinity import FAR, FARTHER, STRIDE
from ...run.stopping import BELOW_ROUNDING
from .row_losses import RowLosses
from .row_search import Searching, largest


def go_on(losses: RowLosses, rows: Searching) -> tuple[Tensor, int]:
    """Return for which rows larger numbers lead further down without end, and the calls made: one for each look."""
    grown, striding = have_grown(rows), strides(rows)
    endless, calls = torch.zeros_like(grown), 0
    if bool(grown.any()):
        endless[grown] = run_away(losses, rows.kept(grown))
        calls += 1
    if bool(striding.any()):
        endless[striding.clone()] |= fall_ahead(losses, rows.kept(striding))
        calls += len(FARTHER)
    return endless, calls


def have_grown(rows: Searching) -> Tensor:
    """Return which rows have numbers far beyond their first size."""
    return largest(rows.x) > FAR * rows.first_size


def run_away(losses: RowLosses, rows: Searching) -> Tensor:
    """Return where numbers twice as large still win, or lose nothing where the first size is lost in rounding."""
    is_lost = rows.first_size < torch.finfo(rows.x.dtype).eps * largest(rows.x)
    return change_at(losses, rows, rows.x) < torch.where(is_lost, 1, -1) * rounding_of(rows)


def strides(rows: Searching) -> Tensor:
    """Return for which rows the last step was long, made large numbers larger, and left them beyond their start."""
    size, was = largest(rows.x), largest(rows.x - rows.step)
    return (size > was) & (largest(rows.step) > STRIDE * size) & (size >= rows.first_size)


def fall_ahead(losses: RowLosses, rows: Searching) -> Tensor:
    """Return where more of the last step, up to twice the size of the numbers, wins visibly and never rises."""
    full = rows.step * (largest(rows.x) / largest(rows.step))[:, None]
    changes = torch.stack([change_at(losses, rows, share * full) for share in FARTHER])
    rounding = rounding_of(rows)
    return (changes[0] < -rounding) & (changes <= rounding).all(0)


def change_at(losses: RowLosses, rows: Searching, move: Tensor) -> Tensor:
    """Return by how much a move changes the loss of each row, inside its walls."""
    return rows.at(losses, rows.inside(rows.x + move))[0] - rows.value


def rounding_of(rows: Searching) -> Tensor:
    """Return what a change must exceed to be seen."""
    return BELOW_ROUNDING * torch.finfo(rows.x.dtype).eps * rows.value.abs()
