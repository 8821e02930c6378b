"""Where nothing is seen beside a point: whether it is a minimum that is flat, or a plateau above one."""

from __future__ import annotations

from ..function.objective import Point
from .lines import Line, Look
from .result import Reason

FARTHER = 8.0
"""How many times as far to look next."""

STEEPER = 1.5
"""How many times as steep the slope must become on the way down, and how many times as flat on the way back."""

PROMISED = 4.0
"""What a slope has promised may be so many times the fall: down to its lowest point, a parabola keeps half of it."""


def flat_ground(line: Line, ahead: Look, back: Look, highest: float) -> Reason | None:
    """Return why a point is no minimum beside which the loss does not change visibly.

    A minimum's slopes lead back to it. Else the loss is looked at ever farther away, until it changes. `highest` is the
    loss at the start of the run: where the run has come lower, it has found a minimum even if no slope leads there.
    """
    before = nearer = ahead, back
    share = 1.0
    while line.is_flat(ahead, back) and not ahead.slope > 0 > back.slope:
        if FARTHER * share * line.reach > line.farthest:
            return hidden_slope(line, ahead, back, highest, nearer)
        share, before, nearer = FARTHER * share, nearer, (ahead, back)
        ahead, back = line.look(share), line.look(-share)
    lower = min(ahead, back, key=lambda look: look.change)
    if not line.is_lower(lower):
        return None
    return Reason.SADDLE if comes_down(line, lower) else hidden_slope(line, *nearer, highest, before)


def drifts(line: Line) -> Reason | None:
    """Return FLAT where no slope leads back from a line downhill, as far as the numbers are large.

    Slopes that are noise become now steeper, now flatter, and lead to no lower loss.
    """
    slopes, share, farthest = [line.slope], 0.0, line.farthest / line.reach
    while share < farthest:
        share = min(FARTHER * share, farthest) or 1.0
        look = line.look(share)
        if not look.slope <= 0:
            return None
        slopes.append(look.slope)
    is_lower = look.change < -line.rounding
    return Reason.FLAT if is_lower or slopes in (sorted(slopes), sorted(slopes, reverse=True)) else None


def lower_on(line: Line) -> Point | None:
    """Return a point on a line where the loss is visibly lower, as its slope has promised, which no noise is.

    Nothing is looked at where too little is promised to be seen.
    """
    share = line.farthest / line.reach
    while share * line.slope / PROMISED < -line.rounding:
        there = line.point(share)
        if there.finite and there.value - line.here.value < min(-line.rounding, share * line.slope / PROMISED):
            return there
        share /= FARTHER
    return None


def comes_down(line: Line, lower: Look) -> bool:
    """Return whether the loss falls ever faster on the way to a lower one, as it does from a maximum."""
    half, quarter = line.look(lower.share / 2), line.look(lower.share / 4)
    way = 1.0 if lower.share > 0 else -1.0
    falls_faster = 2 * half.change >= lower.change and quarter.change <= line.rounding
    return falls_faster and way * half.slope <= way * quarter.slope <= 0


def hidden_slope(line: Line, ahead: Look, back: Look, highest: float, nearer: tuple[Look, Look]) -> Reason | None:
    """Return SADDLE where slopes that no loss shows yet become ever steeper downwards, FLAT where there are none.

    `nearer` are the last looks but one.
    """
    here = line.here
    if ahead.slope == back.slope == line.slope == 0:
        has_come_lower = highest - here.value > line.rounding
        return None if has_come_lower or here.value == 0 else Reason.FLAT
    is_top = ahead.slope < STEEPER * nearer[0].slope <= 0 <= STEEPER * nearer[1].slope < back.slope
    down = (back.slope, line.slope, ahead.slope)
    slopes = down if ahead.slope + back.slope < 0 else tuple(-slope for slope in reversed(down))
    is_way_down = slopes[2] < STEEPER * slopes[1] <= STEEPER**2 * slopes[0] <= 0
    return Reason.SADDLE if is_top or is_way_down else None
