"""The minima of a batch are probed as that of a single run is (`run/probe.py`), row by row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...run.probe import HALVES, LIKE
from ...run.verdict import HIDDEN
from .row_bends import least_bent_lines
from .row_lines import Lines, Look, lines_through
from .row_losses import Differentiable
from .row_plateau import adrift, drift, on_flat_ground
from .row_search import Searching

Others = Callable[[Lines, Look], tuple[Lines, int]]
"""What returns other lines through the rows, as the look ahead has it, and the calls made."""


def refuted(losses: Differentiable, rows: Searching) -> tuple[Tensor, int]:
    """Return which rows lie at no minimum after all, and the calls made: two, and more where there are doubts."""
    lines = lines_through(losses, rows)
    is_false, calls, ahead = doubted(lines)
    for others in (downwards, least_bent_lines):
        if not bool(is_false.all()):
            is_false[~is_false], more = refuted_along(others, lines.kept(~is_false), ahead.kept(~is_false))
            calls += more
    drifts, more = drift(adrift(lines, ahead))
    return is_false | drifts, calls + more


def refuted_along(others: Others, lines: Lines, ahead: Look) -> tuple[Tensor, int]:
    """Return which rows lie at no minimum along the other lines, and the calls made; a row may stand on flat ground."""
    turned, calls = others(lines, ahead)
    is_false = (turned.move != 0).any(1)
    if bool(is_false.any()):
        # Beside a minimum where only ratios count the loss bends down along some way, but by less than its rounding.
        turned = turned.kept(is_false)
        turned.rows.highest = torch.full_like(turned.rows.highest, torch.inf)
        is_false[is_false.clone()], more, _ = doubted(turned, others is downwards)
        calls += more
    return is_false, calls


def downwards(lines: Lines, ahead: Look) -> tuple[Lines, int]:
    """Return the lines of those numbers alone whose slopes turn down; no call is made."""
    return lines.downwards(ahead), 0


def doubted(lines: Lines, unseen: bool = True) -> tuple[Tensor, int, Look]:
    """Return which rows lie at no minimum along their lines, the calls made, and what is seen ahead."""
    one = torch.ones_like(lines.slope)
    ahead, back = lines.look(one), lines.look(-one)
    is_flat, calls = on_flat_ground(lines, (ahead, back), (ahead, back), unseen=unseen)
    is_lower, more = followed(lines, suspected(lines, ahead, back))
    return is_flat | is_lower, 2 + calls + more, ahead


def followed(lines: Lines, share: Tensor) -> tuple[Tensor, int]:
    """Return for which rows the losses come down to a lower one at a share of the move, and the calls made."""
    is_false = share != 0
    if not bool(is_false.any()):
        return is_false, 0
    suspects, share = lines.kept(is_false), share[is_false]
    looks = [suspects.look(share * part) for part in HALVES]
    is_false[is_false.clone()] = suspects.is_lower(looks[0]) & is_parabola([look.change for look in looks])
    return is_false, len(HALVES)


def suspected(lines: Lines, ahead: Look, back: Look) -> Tensor:
    """Return at which share of its move the loss of each row should be lower, zero where nowhere."""
    odd, even = (ahead.change - back.change) / 2, (ahead.change + back.change) / 2
    hidden = lines.rounding + HIDDEN * lines.epsilon * even.abs()
    is_other = ((odd - lines.slope).abs() > odd.abs() / 2) & (odd.square() > 4 * even * hidden) & (even > 0)
    share = torch.where(is_other, -odd / (2 * even), 0.0)
    share = torch.where(lines.is_lower(back) & ~(ahead.change < back.change), back.share, share)
    return torch.where(lines.is_lower(ahead) & ~(back.change < ahead.change), ahead.share, share)


def is_parabola(falls: list[Tensor]) -> Tensor:
    """Return whether four losses of each row, each at half the distance of the one before, lie on a parabola."""
    slope, bend = 4 * falls[1] - falls[0], 2 * falls[0] - 4 * falls[1]
    far = [((slope + bend * part) * part - fall).abs() for part, fall in zip(HALVES, falls, strict=True)]
    return (falls[-1] < 0) & (torch.stack(far).amax(0) <= LIKE * falls[0].abs())
