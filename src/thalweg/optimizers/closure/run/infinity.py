"""A minimum that is claimed may lie at infinity: what larger numbers would do to the loss."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from ..function.objective import BudgetError, Change, Objective, Point
from ..function.vector import dot, largest, read_numbers
from .lines import Beside
from .result import Reason
from .stopping import BELOW_ROUNDING, epsilon_of, rounding_at
from .valley import GROWN, Following, leads_on
from .verdict import HIDDEN, change_at, inside

FAR = 1e3
"""How many times its first size the largest number must have grown before its growth is doubted."""

STRIDE = 1e-3
"""The share of the largest number that a last step must be, to ask where more of it would lead."""

FARTHER = (1.0, 0.5, 0.1, 0.01)
"""How far to follow a move, in sizes of the largest number; the farthest first, as it alone is looked at mostly."""

BACK = (-0.5, *(10.0**-digits - 1 for digits in range(1, 17)))
"""Where to look for the slope that the numbers came down from, as shares of the same move."""

HALVINGS = 12
"""How often the way back is halved, to find where the slope ends."""

BEYOND_EDGE = 0.1
"""How much smaller than at its end to make the numbers, to see whether the slope ends at an edge."""

STEEP, MANY = 1e-6, 1e3
"""The share of what the run has won that the loss must be higher there, and how many times what can be seen."""

JUMPS = 4.0
"""How many times the root of the rounding of what was won a loss may jump by: it may cancel large numbers."""

FIRST_JUMPS = 16.0
"""How many times the first rise that is seen still counts as flat: one number after the other rounds to a jump."""

CARRIED = 1e-3
"""The share of its own bend that may be left of a number's slope where the others have moved along with it."""

PASSING, SLOW = 30.0, 0.005
"""How many times to repeat a last step, and the share of its slope that must be left after it to do so."""

LONGER = 4
"""How often to repeat it so many times again, where nothing of it is seen."""


def endless(
    objective: Objective, before: Point, beside: Beside, first: float, highest: float, following: Following
) -> Reason | None:
    """Return UNBOUNDED where larger numbers are as good or better for good, FLAT on a plateau beyond a minimum.

    `first` is their first size, and `highest` the loss at the start of the run. None where no evaluation is left.
    """
    here = beside.here
    try:
        if runs_away(objective, here, first) or strides_on(objective, before, here, first, highest):
            return Reason.UNBOUNDED
        has_moved = before is not here and here.value <= highest + rounding_at(here)
        if has_moved and (reason := levels_off(objective, beside, first, highest)):
            return reason
        leads = leads_on(objective, here, first, following) and knows_sizes(objective, here)
        return Reason.UNBOUNDED if leads else None
    except BudgetError:
        return None


def runs_away(objective: Objective, here: Point, first: float) -> bool:
    """Return whether numbers that have grown far beyond their `first` size still win where they are twice as large.

    Where they have grown so far that their first size is lost in rounding, it is enough that nothing is lost.
    """
    if not here.size > FAR * first:
        return False
    move = unwalled(here, torch.where(here.x.abs() > FAR * first, here.x, 0.0))
    if not bool(move.any()):
        return False
    change = change_at(objective, here, move)
    is_lost = first < epsilon_of(here) * here.size
    return change <= rounding_at(here) if is_lost else change < -rounding_at(here)


def strides_on(objective: Objective, before: Point, here: Point, first: float, highest: float) -> bool:
    """Return whether the last step still made large numbers larger, and more of it leads down for good.

    So it is where the minimum is at infinity, as that of exp(-x). Numbers that are smaller than they began do not lead
    there: a flat minimum at zero has such steps, too. False where no evaluation is left.
    """
    if before is here or here.size < first < math.inf:
        return False
    step = unwalled(here, here.x - before.x)
    measured = step if here.lengths is None else step / here.lengths
    length, size, was, slope = read_numbers(
        largest(step), largest(here.x), largest(before.x), dot(here.gradient, measured)
    )
    if not (size > was and length > STRIDE * size) or slope * size > length * rounding_at(here):
        return False
    try:
        return leads_down(objective, here, size / length * step, highest) is Reason.UNBOUNDED
    except BudgetError:
        return False


def levels_off(objective: Objective, beside: Beside, first: float, highest: float) -> Reason | None:
    """Return UNBOUNDED where numbers that slopes do not hold back at twice their size lead down for good.

    So it is where a loss like 5 + exp(-x) has come as low as its dtype can tell. A loss that is lost beside `highest`,
    but still has slopes, is on its way to zero, unless the numbers have grown.
    """
    here = beside.here
    is_lost = abs(here.value) <= epsilon_of(here) ** 2 * (highest - here.value)
    if here.steepness and is_lost and here.size <= GROWN * first:
        return None
    there = objective.at(inside(here, 2 * here.x))
    outward = here.x if here.lengths is None else here.x / here.lengths
    slopes, may_grow = there.gradient * outward, can_grow(here)
    loose = (slopes <= rounding_at(here)) & (slopes >= -noise_at(here, highest))
    reason = None
    for mask in (loose & may_grow, (loose | carried(beside, slopes)) & may_grow):
        if reason is None and bool(mask.any()):
            reason = leads_down(objective, here, torch.where(mask, here.x, 0.0), highest)
    return reason


def can_grow(here: Point) -> Tensor:
    """Return which numbers no wall stops, and which are not nothing beside the others: twice a zero is no more."""
    return unwalled(here, here.x).abs() > epsilon_of(here) ** 2 * here.size


def unwalled(here: Point, move: Tensor) -> Tensor:
    """Return a move of those numbers alone that meet no wall on it, however far it goes."""
    if here.box is None:
        return move
    wall = torch.where(move > 0, here.box.upper, -here.box.lower)
    return torch.where(wall == math.inf, move, 0.0)


def carried(beside: Beside, slopes: Tensor) -> Tensor:
    """Return which numbers are held by the others alone: where all are doubled, next to nothing is left of their bend.

    So it is on the floor of a valley with steep sides, as that of exp(-x) + (x - 2 y)^2. `slopes` are those where all
    numbers are doubled, along the way there.
    """
    here = beside.here
    far = (here.x / beside.lines[0].move).square()
    return slopes.abs() <= CARRIED * far * beside.lines[0].bends(beside.ahead).abs()


def leads_down(objective: Objective, here: Point, move: Tensor, highest: float) -> Reason | None:
    """Return UNBOUNDED where the loss is never higher along a move, and falls visibly on it, or fell on its way here.

    FLAT where it rises by no more than noise, and is clearly lower behind. At a minimum it rises. With numbers that it
    does not see it neither rises nor falls. On the way it may rise by noise, of which a loss that cancels large numbers
    has more than rounding.
    """
    rounding, noise = rounding_at(here), noise_at(here, highest)
    first = change_at(objective, here, FARTHER[0] * move)
    if not first <= noise or any(not change_at(objective, here, share * move) <= noise for share in FARTHER[1:]):
        return None
    # Where it still rises a little, it may be a plateau, with a hollow behind that no noise explains.
    if first > rounding:
        return Reason.FLAT if change_at(objective, here, BACK[0] * move) < -noise else None
    reason = Reason.UNBOUNDED if first < -rounding else behind(objective, here, move, highest)
    return reason if reason and knows_sizes(objective, here) else None


def behind(objective: Objective, here: Point, move: Tensor, highest: float) -> Reason | None:
    """Return UNBOUNDED where the loss was higher behind, and has become flat slowly, FLAT where it was lower.

    An edge, as a hinge has, ends a slope.
    """
    rounding = rounding_at(here)
    level, higher, rise = 0.0, 0.0, 0.0
    for higher in ways_back(here.x.dtype):
        rise = rise_at(objective, here, higher * move, highest)
        if rise < -HIDDEN * rounding:
            return Reason.FLAT
        if rounding < rise < math.inf:
            break
        level = higher
    else:
        return None
    for _ in range(HALVINGS):
        middle = (level + higher) / 2
        change = rise_at(objective, here, middle * move, highest)
        level, higher, rise = (level, middle, change) if change > rounding else (middle, higher, rise)
    steep = change_at(objective, here, (higher - BEYOND_EDGE * (1 + higher)) * move)
    flat = max(STEEP * (highest - here.value), MANY * rounding, FIRST_JUMPS * rise)
    return Reason.UNBOUNDED if steep < flat else None


@cache
def ways_back(dtype: torch.dtype) -> tuple[float, ...]:
    """Return where to look back, as far as the dtype tells a number from none."""
    return tuple(share for share in BACK if 1 + share > torch.finfo(dtype).eps / 2)


def rise_at(objective: Objective, here: Point, move: Tensor, highest: float) -> float:
    """Return by how much a move changes the loss, 0 where the rounding of the numbers explains it.

    Squares of residuals that cancel are noise beside a loss of zero, with the slopes of noise; but they are no large
    part of what the run has won.
    """
    there = objective.at(inside(here, here.x + move))
    rise, (pulled,) = there.value - here.value, read_numbers((there.gradient * here.measured).abs().sum())
    is_seen = abs(rise) > min(HIDDEN * epsilon_of(here) * pulled, noise_at(here, highest))
    return rise if is_seen else 0.0


def knows_sizes(objective: Objective, here: Point) -> bool:
    """Return whether the loss is another where all numbers are smaller; else only their ratios count."""
    smaller = (objective.at(inside(here, (1 + share) * here.x)) for share in reversed(ways_back(here.x.dtype)))
    return any(is_other(here, there) for there in smaller)


def is_other(here: Point, there: Point) -> bool:
    """Return whether the loss changes on the way to smaller numbers, and as slopes have it where little is seen."""
    change, rounding = abs(there.value - here.value), rounding_at(here)
    if not rounding < change <= HIDDEN / BELOW_ROUNDING * rounding:
        return change > rounding
    slopes = there.gradient * there.measured
    total, largest_total = read_numbers(slopes.sum(), slopes.abs().sum())
    return 2 * abs(total) > max(largest_total, rounding)


def passes_through(objective: Objective, before: Point, here: Point) -> bool:
    """Return whether more of a last step never rises, and falls ever faster, as that of x^3 does through zero.

    Methods creep towards such a point; where they come fast to a minimum, no evaluation is needed.
    """
    if before is here or (here.steepness == 0 and here.value < before.value):
        return False
    seen, step, rounding, far = here.since(before), here.x - before.x, rounding_at(here), 0.0
    is_measured_anew = before.lengths is not here.lengths
    if not (is_measured_anew or seen.here <= min(0.0, SLOW * seen.before)):
        return False
    first = PASSING if is_measured_anew else visible(seen, rounding)
    for times in (first, *[PASSING] * (LONGER - 1)):
        step = times * step
        far = change_at(objective, here, step)
        if abs(far) > rounding:
            break
    if not far < -rounding:
        return False
    middle = change_at(objective, here, step / 2)
    falls_faster = middle <= rounding and far - 2 * middle < -rounding
    return falls_faster and all(change_at(objective, here, share * step) <= rounding for share in FARTHER[2:])


def visible(seen: Change, rounding: float) -> float:
    """Return how many times to repeat a step until the loss changes visibly, as its slopes have it; `PASSING` at least.

    The parabola of slope s and bend c comes to twice the rounding where c t^2 / 2 + s t does.
    """
    bend = seen.here - seen.before
    root = math.sqrt(seen.here**2 + 4 * bend * rounding) if bend > 0 else 0.0
    return max(PASSING, (root - seen.here) / bend) if root else PASSING


def noise_at(here: Point, highest: float) -> float:
    """Return what a loss that cancels large numbers may change by at the most without telling anything."""
    return max(rounding_at(here), JUMPS * math.sqrt(epsilon_of(here)) * (highest - here.value))
