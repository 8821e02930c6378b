"""Saddles of rows that one line through each does not show, as in `run/standstill.py` and `run/lines.py`."""

from __future__ import annotations

import torch
from torch import Tensor

from ...run.least_bend import beyond, combined, least_bent, lengths, scaled, unit
from ...run.lines import directions
from .row_lines import Lines, Look
from .row_search import largest

Least = tuple[Tensor, Tensor, Tensor]
"""Moves of least bend, their bends, and the largest bends."""


def least_bent_lines(lines: Lines, ahead: Look) -> tuple[Lines, int]:
    """Return the lines along which the losses bend down, as far as gradients tell, and the calls made.

    Zero where they bend up. Where a row has moved, its last step and the look ahead tell; at a start, more gradients.
    """
    rows, reach = lines.rows, lines.reach
    far = (lines.move / directions(rows.x[0])).nan_to_num(0.0)
    move, bend, most = after_steps(lines, ahead, far)
    asked, stood, calls = bend < -(reach**2) * most, (rows.step == 0).all(1), 0
    if bool(stood.any()):
        (move[stood], bend, most), calls = at_starts(lines.kept(stood), ahead.kept(stood), far[stood])
        asked[stood] = bend < reach * most
    move = torch.where(asked[:, None], move * far, 0.0)
    return Lines(lines.losses, rows, move, (rows.gradient * move).sum(1)), calls


def after_steps(lines: Lines, ahead: Look, far: Tensor) -> Least:
    """Return the moves of least bend among the combinations of the look ahead and the last step, in units of `far`.

    A step along numbers that a wall stops tells nothing.
    """
    rows, ways = lines.rows, directions(lines.rows.x[0]).expand_as(far)
    length = largest(rows.step)[:, None]
    is_free = ((far > 0) | (rows.step == 0)).all(1, keepdim=True) & (length > 0)
    step, turn = ((each / length).where(is_free, 0.0) for each in (rows.step, rows.turn))
    step, turn = (step / far).nan_to_num(0.0), turn * far
    step, turn = unit(step), turn / lengths(step)
    first, bent = unit(ways), (ahead.gradient - rows.gradient) * far / lengths(ways)
    share = (step * first).sum(1, keepdim=True)
    rest = beyond(step, [first])
    is_more = lengths(rest) > lines.reach
    image = torch.where(is_more, (turn - share * bent) / lengths(rest), 0.0)
    basis = torch.stack((first, torch.where(is_more, unit(rest), 0.0)), 1)
    moves, bend, most = combined(basis, torch.stack((bent, image), 1))
    return scaled(moves), bend, most


def at_starts(lines: Lines, ahead: Look, far: Tensor) -> tuple[Least, int]:
    """Return the moves of least bend that some gradients beside each start tell, in units of `far`, and the calls."""
    rows, calls = lines.rows, 0

    def bends(ways: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        _, gradient = rows.at(lines.losses, rows.inside(rows.x + ways * far))
        return (gradient - rows.gradient) * far

    ways = directions(rows.x[0]).expand_as(far)
    found = least_bent(ways, (ahead.gradient - rows.gradient) * far, bends, lines.reach**2)
    return found, calls
