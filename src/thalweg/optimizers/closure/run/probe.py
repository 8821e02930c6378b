"""A minimum that is claimed is probed: the losses beside it, which no wrong gradient can spoil, must not be lower."""

from __future__ import annotations

import math

from .lines import Beside, Line, Look
from .plateau import drifts, flat_ground
from .result import Reason
from .verdict import HIDDEN, ROUNDING_OF_FLOAT32, is_coarser

HALVES = (1.0, 0.5, 0.25, 0.125)
"""Where a lower loss is followed back to the point, as shares of its distance."""

CLOSER = 4
"""How often to look from eight times closer, where the losses on the way lie on no parabola."""

LIKE = 0.05
"""How far the losses may lie from a parabola, as a share of the fall."""

BEYOND_PARABOLA = 5.0
"""How many times as low the whole way leads as half of it: a parabola that is nowhere higher has 4.7 at most."""


def refuted(beside: Beside, highest: float = math.inf) -> Reason | None:
    """Return why a point is no minimum, None where nothing speaks against it; one evaluation, mostly.

    A second one looks to the other side, unless slopes explain what the first one has found; where some slopes turn
    down, one more looks along these numbers alone. One more looks inward from the walls of a box. A few follow a lower
    loss back to the point: it must come down to it as a slope or a bend does, which noise and other valleys do not.
    `highest` is the loss at the start of the run. What speaks against it is asked again if the loss is computed in
    float32: its noise has slopes.
    """
    reason = refuted_by_lines(beside, highest)
    if reason and beside.lines[0].epsilon < ROUNDING_OF_FLOAT32 and is_coarser(beside.objective, beside.here):
        coarse = Beside(beside.objective, beside.before, beside.here, beside.first, ROUNDING_OF_FLOAT32)
        return refuted_by_lines(coarse, highest)
    return reason


def refuted_by_lines(beside: Beside, highest: float) -> Reason | None:
    """Return why a point is no minimum along any line through it."""
    for line in beside.lines:
        if bool(line.move.any()):
            is_first = line is beside.lines[0]
            reason = doubted(line, beside.ahead if is_first else line.look(1.0), highest)
            turned = beside.turned if is_first and reason is None and line.two_sided else []
            reason = next(filter(None, (doubted(*each, math.inf) for each in turned)), reason)
            if is_first and reason is None and line.two_sided and beside.adrift is not None:
                reason = drifts(beside.adrift)
            if reason:
                return reason
    return None


def doubted(line: Line, ahead: Look, highest: float) -> Reason | None:
    """Return why the point is no minimum along a line."""
    if not line.two_sided:
        return followed(line, 1.0 if line.is_lower(ahead) else 0.0)
    if line.is_bowl(ahead):
        return None
    back = line.look(-1.0)
    if line.is_flat(ahead, back):
        return flat_ground(line, ahead, back, highest)
    return followed(line, suspected(line, ahead, back))


def suspected(line: Line, ahead: Look, back: Look) -> float:
    """Return at which share of the move the loss should be lower, zero where nowhere.

    Where it rises on both sides, but not alike, so that the slope is another than promised, it is where the parabola
    through the three losses is lowest.
    """
    lower = [look for look in (ahead, back) if line.is_lower(look)]
    if lower:
        return min(lower, key=lambda look: look.change).share
    odd, even = (ahead.change - back.change) / 2, (ahead.change + back.change) / 2
    hidden = line.rounding + HIDDEN * line.epsilon * abs(even)
    is_other = abs(odd - line.slope) > abs(odd) / 2 and odd * odd > 4 * even * hidden
    return -odd / (2 * even) if even > 0 and is_other else 0.0


def followed(line: Line, share: float) -> Reason | None:
    """Follow the lower loss at a share of the move back to the point; None where it is no part of a slope."""
    for _ in range(CLOSER if share else 0):
        first = line.look(share)
        if not line.is_lower(first):
            return None
        falls = [first.change, *(line.change(share * part) for part in HALVES[1:])]
        # A cube is nearly a parabola, too, but one whose slope nobody has promised.
        if is_power(falls):
            return Reason.SADDLE
        if is_parabola(falls):
            return reason_of(line, share * HALVES[-1], falls[-1])
        share *= HALVES[-1]
    return None


def is_power(falls: list[float]) -> bool:
    """Return whether the loss comes down as a power above the second does, one half of the way after the other."""
    first, second, third = falls[0] / falls[1] if falls[1] else 0.0, falls[1] / falls[2] if falls[2] else 0.0, falls[2]
    return max(falls) <= 0 and third < 0 and first > BEYOND_PARABOLA and abs(math.log2(first / second)) < 1


def is_parabola(falls: list[float]) -> bool:
    """Return whether four losses, each at half the distance of the one before, come down as a parabola does."""
    slope, bend = 4 * falls[1] - falls[0], 2 * falls[0] - 4 * falls[1]
    expected = ((slope + bend * part) * part for part in HALVES)
    return falls[-1] < 0 and all(abs(a - b) <= LIKE * abs(falls[0]) for a, b in zip(expected, falls, strict=True))


def reason_of(line: Line, share: float, fall: float) -> Reason:
    """Return whether the slope itself is another than promised, or the loss bends down or has a kink."""
    back = line.change(-share) if line.two_sided else -fall
    slope, is_smooth = (fall - back) / 2, abs(fall + back) <= abs(fall) / 2
    is_other = abs(slope - share * line.slope) > abs(slope) / 2
    return Reason.WRONG_GRADIENT if is_smooth and is_other else Reason.SADDLE
