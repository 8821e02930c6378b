"""Which rows of a batch lie in a bent valley to infinity: the look of a single run (`run/valley.py`), row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ...run.valley import GROWN, LOWER, ON, TWICE
from .row_infinity import Looks, know_sizes, rounding_of
from .row_losses import RowLosses
from .row_search import Searching, largest

Following = Callable[[RowLosses, Tensor, Tensor, Tensor], tuple[Tensor, int]]
"""What goes from points x to lower ones between two walls, and returns the losses there and the calls made."""


def lead_on(losses: RowLosses, rows: Searching, following: Following) -> tuple[Tensor, int]:
    """Return for which rows others follow the largest number to a visibly lower loss, and the calls made."""
    asked = largest(rows.x) > GROWN * rows.first_size
    if not bool(asked.any()):
        return asked, 0
    looks, some = Looks(losses), rows.kept(asked)
    leads = go_lower(looks, some, following)
    if bool(leads.any()):
        leads[leads.clone()] = know_sizes(looks, some.kept(leads), some.x[leads])
    asked[asked.clone()] = leads
    return asked, looks.calls


def go_lower(looks: Looks, rows: Searching, following: Following) -> Tensor:
    """Return where the valley leads lower, and on to where its number is twice as large if it does so only a little."""
    follow = partial(followed, looks, following=following)
    rounding, lower = rounding_of(rows), follow(rows, ON)
    leads = lower < rows.value - rounding
    little = leads & ~(lower < rows.value - LOWER * math.sqrt(torch.finfo(lower.dtype).eps) * rows.value.abs())
    if bool(little.any()):
        leads[little] = follow(rows.kept(little), TWICE) < lower[little] - rounding[little]
    return leads


def followed(looks: Looks, rows: Searching, times: float, following: Following) -> Tensor:
    """Return the loss that the others find where the largest number of each row is so many times as large."""
    taken = rows.x.abs() == largest(rows.x)[:, None]
    x = torch.where(taken, times * rows.x, rows.x)
    low, high = rows.inside(torch.full_like(x, -torch.inf)), rows.inside(torch.full_like(x, torch.inf))
    walls = torch.where(taken, x, low), torch.where(taken, x, high)
    value, calls = following(looks.losses.of(rows.index), x, *walls)
    looks.calls += calls
    return torch.where((rows.inside(x) == x).all(1), value / rows.unit, torch.inf)
