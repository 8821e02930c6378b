"""Which rows of a batch are at a minimum: the tests and the verdict of a single run (`run/`), row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ...run.stopping import BELOW_ROUNDING, FINEST, gentle
from ...run.verdict import HIDDEN, NEAREST
from .row_infinity import go_on, pass_through, strides
from .row_losses import RowLosses
from .row_probe import refuted
from .row_search import MOST_TRIALS, Searching, has_shrunk, largest
from .row_valley import Following, lead_on

S = TypeVar("S", bound=Searching)


def has_arrived(rows: Searching, acting: Tensor, tolerance: float) -> Tensor:
    """Return whether moving any one number by its size would change the loss by less than `tolerance` of itself.

    The share is of the loss or of what it has fallen, whichever is less, and a step must have hardly lowered the loss;
    `acting` is what no bound stops of the slopes.
    """
    share = max(tolerance, min(64 * torch.finfo(acting.dtype).eps, FINEST))
    size, fallen = rows.value.abs(), rows.highest - rows.value
    is_small = pull(rows, acting) <= share * torch.minimum(size, fallen)
    return (largest(acting) == 0) | ((rows.fall <= share * size) & is_small) | has_vanished(rows, acting)


def has_vanished(rows: Searching, acting: Tensor) -> Tensor:
    """Return whether the loss is lost beside what it was, and the numbers are, too, or still grow: as in single runs.

    At a kink at zero, and where numbers run to infinity, every step wins its share for as long as there are numbers.
    """
    lost = torch.finfo(acting.dtype).eps ** 2 * (rows.highest - rows.value)
    is_lost = torch.maximum(rows.value.abs(), (rows.value + rows.fall).abs()) <= lost
    return is_lost & (has_shrunk(rows) | strides(rows)) & is_nothing(rows, acting)


def succeeded(
    losses: RowLosses, answers: S, acting: Callable[[S], Tensor], tolerance: float, following: Following
) -> tuple[Tensor, int]:
    """Return which rows are at a minimum, and the calls made: to look once where nothing lower was found, to probe."""
    slopes = acting(answers)
    success = has_arrived(answers, slopes, tolerance)
    stuck = answers.value.isfinite() & (answers.trials >= MOST_TRIALS) & ~success
    if bool(stuck.any()):
        rows, slopes = answers.kept(stuck), slopes[stuck]
        success[stuck] = is_hidden_in_loss(rows, slopes) | is_next_to_minimum(losses, rows, slopes)
    success &= answers.value.isfinite()
    calls = int(stuck.any())
    for doubted in (go_on, partial(lead_on, following=following), pass_through, refuted):
        if bool(success.any()) and answers.x.numel():
            is_false, looks = doubted(losses, answers.kept(success))
            success[success.clone()] = ~is_false
            calls += looks
    return success, calls


def is_hidden_in_loss(rows: Searching, acting: Tensor) -> Tensor:
    """Return whether the rounding of the loss hides what is left to win."""
    rounding, size, pulled = torch.finfo(acting.dtype).eps, rows.value.abs(), pull(rows, acting)
    hidden = BELOW_ROUNDING * rounding * size * (rows.highest - rows.value)
    return ((pulled <= gentle(rounding) * size) & (pulled.square() <= hidden)) | is_nothing(rows, acting)


def is_nothing(rows: Searching, acting: Tensor) -> Tensor:
    """Return whether what a row pulls is lost beside what it has won, whatever is left of its loss."""
    return pull(rows, acting) <= torch.finfo(acting.dtype).eps ** 2 * (rows.highest - rows.value)


def may_start_anew(rows: Searching, acting: Tensor) -> Tensor:
    """Return which rows find nothing lower, and may try by steepest descent."""
    return rows.stuck() & ~is_nothing(rows, acting)


def is_next_to_minimum(losses: RowLosses, rows: Searching, acting: Tensor) -> Tensor:
    """Return whether the parabola along the steepest descent is lowest within the rounding of the numbers; one call."""
    rounding = torch.finfo(acting.dtype).eps
    sizes = torch.where(rows.x == 0, largest(rows.x)[:, None], rows.x.abs())
    direction = -acting * sizes
    move = math.sqrt(rounding) * direction / largest(direction)[:, None] * sizes
    x = rows.inside(rows.x + move)
    move = x - rows.x
    _, gradient = rows.at(losses, x)
    here, there = (rows.gradient * move).sum(1), (gradient * move).sum(1)
    lowest = math.sqrt(rounding) * here / (here - there)
    return (there > here) & (lowest <= min(HIDDEN * rounding, NEAREST))


def pull(rows: Searching, acting: Tensor) -> Tensor:
    """Return the most that the loss of each row would change if one number moved by its size, by one if all are 0."""
    return torch.where(largest(rows.x) > 0, largest(acting * rows.x), largest(acting))
