"""Where nothing is seen beside a row: the questions of a single run (`run/plateau.py`), row by row."""

from __future__ import annotations

import torch
from torch import Tensor

from ...run.lines import FARTHEST, STEADY
from ...run.plateau import FARTHER, STEEPER
from .row_lines import Lines, Look, size_of

Pair = tuple[Look, Look]
"""What is seen ahead and behind."""


def on_flat_ground(
    lines: Lines, nearer: Pair, looks: Pair, share: float = 1.0, unseen: bool = True
) -> tuple[Tensor, int]:
    """Return which rows are at no minimum, beside which nothing is seen up to a share of the move, and the calls made.

    A minimum's slopes lead back to it. Else one looks ever farther away. `nearer` are the last looks but one. With
    `unseen`, slopes tell as well where no loss is ever seen to change.
    """
    is_open = lines.is_flat(*looks) & ~((looks[0].slope > 0) & (looks[1].slope < 0))
    is_lower = torch.stack([lines.is_lower(look) for look in looks]).any(0) & ~is_open
    is_done = is_open & (FARTHER * share * lines.reach > farthest(lines))
    found, calls = (is_lower | (is_done & unseen)) & hidden_slope(lines, nearer, looks, is_lower), 0
    if bool(is_lower.any()):
        found[is_lower] |= comes_down(lines.kept(is_lower), kept(looks, is_lower))
        calls += 2
    is_open &= ~is_done
    if bool(is_open.any()):
        some, share = lines.kept(is_open), FARTHER * share
        ones = torch.full_like(some.slope, share)
        found[is_open], more = on_flat_ground(
            some, kept(looks, is_open), (some.look(ones), some.look(-ones)), share, unseen
        )
        calls += 2 + more
    return found, calls


def kept(looks: Pair, mask: Tensor) -> Pair:
    """Return what is seen of some rows."""
    return looks[0].kept(mask), looks[1].kept(mask)


def farthest(lines: Lines) -> Tensor:
    """Return how far to look, in sizes of the numbers now, or of the first ones."""
    size, first = size_of(lines.rows.x), lines.rows.first_size
    ratio = torch.where((size > 0) & first.isfinite(), first / size, 1.0)
    return FARTHEST * ratio.clamp_min(1.0)


def comes_down(lines: Lines, looks: Pair) -> Tensor:
    """Return where the loss falls ever faster on the way to a lower one, as it does from a maximum."""
    is_ahead = looks[0].change <= looks[1].change
    lowest, share = looks[0].change.minimum(looks[1].change), torch.where(is_ahead, looks[0].share, looks[1].share)
    half, quarter, way = lines.look(share / 2), lines.look(share / 4), share.sign()
    falls_faster = (2 * half.change >= lowest) & (quarter.change <= lines.rounding)
    return falls_faster & (way * half.slope <= way * quarter.slope) & (way * quarter.slope <= 0)


def hidden_slope(lines: Lines, nearer: Pair, looks: Pair, is_lower: Tensor) -> Tensor:
    """Return where slopes that no loss shows yet become ever steeper downwards, or where there are none at all.

    Where a look is lower, those before it are asked. Where a row has come lower, it has found a minimum even if no
    slope leads there.
    """
    before = [look.slope for look in nearer]
    ahead, back = (torch.where(is_lower, near, look.slope) for near, look in zip(before, looks, strict=True))
    is_top = (ahead < STEEPER * before[0]) & (before[0] <= 0) & (before[1] >= 0) & (STEEPER * before[1] < back)
    way = torch.where(ahead + back < 0, 1.0, -1.0)
    first, last = way * torch.where(way > 0, back, ahead), way * torch.where(way > 0, ahead, back)
    middle = way * lines.slope
    is_way_down = (last < STEEPER * middle) & (middle <= STEEPER * first) & (first <= 0)
    rows = lines.rows
    is_flat = (ahead == 0) & (back == 0) & (lines.slope == 0) & (rows.value != 0)
    return is_top | is_way_down | (is_flat & ~(rows.highest - rows.value > lines.rounding))


def adrift(lines: Lines, ahead: Look) -> Lines:
    """Return the line downhill of those numbers of each row whose slope stays, and whose bend is lost in the loss."""
    rows = lines.rows
    slopes, there = rows.gradient * lines.move, ahead.gradient * lines.move
    ratios = there / slopes  # NaN and false where both are zero
    drifts = (ratios > 1 / STEADY) & (ratios < STEADY) & ((there - slopes).abs() <= lines.rounding[:, None])
    drifts &= rows.inside(torch.full_like(rows.x, torch.inf)).isinf() & rows.inside(-rows.x.abs() * torch.inf).isinf()
    far = lines.reach * rows.x.abs().maximum(rows.first_size.minimum(size_of(rows.x))[:, None])
    move = torch.where(drifts, -rows.gradient.sign() * far, 0.0)
    return Lines(lines.losses, rows, move, (rows.gradient * move).sum(1))


def drift(lines: Lines) -> tuple[Tensor, int]:
    """Return for which rows no slope leads back from a line downhill as far as the numbers are large."""
    slopes, share, calls = [lines.slope], 0.0, 0
    falls, change, far = lines.slope < 0, torch.zeros_like(lines.slope), farthest(lines) / lines.reach
    while bool(falls.any()) and share < float(far[falls].max()):
        share = FARTHER * share or 1.0
        look, calls = lines.look(far.clamp_max(share)), calls + 1
        falls, change = falls & (look.slope <= 0), look.change
        slopes.append(look.slope)
    steps = torch.stack(slopes).diff(dim=0)
    is_steady = (steps >= 0).all(0) | (steps <= 0).all(0)
    return falls & (is_steady | (change < -lines.rounding)), calls
