"""Which rows of a batch are at a minimum: the tests and the verdict of a single run (`run/`), row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from ...run.stopping import BELOW_ROUNDING, FINEST, gentle
from ...run.verdict import BRIM, HIDDEN, NEAREST
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
    calls = 0
    if bool(stuck.any()):
        rows, slopes = answers.kept(stuck), slopes[stuck]
        is_next, calls = is_next_to_minimum(losses, rows, slopes)
        success[stuck] = is_hidden_in_loss(rows, slopes) | is_next
    success &= answers.value.isfinite()
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


def is_next_to_minimum(losses: RowLosses, rows: Searching, acting: Tensor) -> tuple[Tensor, int]:
    """Return whether the parabola along the steepest descent is lowest within rounding, and the calls made.

    It is so within that of the numbers, or the loss is no more than the noise that hides how deep the parabola is: what
    a loss that cancels large numbers has left. That is asked by a second call.
    """
    rounding = torch.finfo(acting.dtype).eps
    sizes = torch.where(rows.x == 0, largest(rows.x)[:, None], rows.x.abs())
    direction = -acting * sizes
    move = math.sqrt(rounding) * direction / largest(direction)[:, None] * sizes
    far = looked(losses, rows, move)
    is_next = math.sqrt(rounding) * far.lowest <= min(HIDDEN * rounding, NEAREST)
    if bool(is_next.all()):
        return is_next, 1
    share = BRIM * far.lowest.nan_to_num(0.0, 0.0)
    near = looked(losses, rows, share[:, None] * move)
    # At a kink the mismatch shrinks with the move; noise is told from that by the root of its share.
    is_noise = ~near.is_parabola & (far.is_parabola | (near.mismatch > share.sqrt() * far.mismatch))
    is_lost = is_noise & (share > 0) & (share < 1) & (rows.value.abs() <= HIDDEN * near.mismatch)
    return is_next | is_lost, 2


class Look(NamedTuple):
    """What rows see at the end of a move: where the parabola through both slopes is lowest, as a share of the move.

    Infinite where it bends down. `mismatch` is by how much the loss changes otherwise than both slopes have it; beside
    a parabola it is a quarter of the change at most.
    """

    lowest: Tensor
    is_parabola: Tensor
    mismatch: Tensor


def looked(losses: RowLosses, rows: Searching, move: Tensor) -> Look:
    """Return what is seen after a move, inside each row's walls; one call."""
    x = rows.inside(rows.x + move)
    value, gradient = rows.at(losses, x)
    here, there = (rows.gradient * (x - rows.x)).sum(1), (gradient * (x - rows.x)).sum(1)
    change = value - rows.value
    mismatch = (change - (here + there) / 2).abs()
    lowest = torch.where(there > here, here / (here - there), torch.inf)
    return Look(lowest, mismatch <= change.abs() / 4, mismatch)


def pull(rows: Searching, acting: Tensor) -> Tensor:
    """Return the most that the loss of each row would change if one number moved by its size, by one if all are 0."""
    return torch.where(largest(rows.x) > 0, largest(acting * rows.x), largest(acting))
