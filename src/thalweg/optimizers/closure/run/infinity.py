"""A minimum that is claimed may lie at infinity: what larger numbers would do to the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Protocol

import torch
from torch import Tensor

from ..function.bounds import Box
from ..function.objective import BudgetError, Change, Objective, Point
from ..function.vector import largest, read_numbers
from .stopping import BELOW_ROUNDING, epsilon_of
from .verdict import HIDDEN, change_at, inside

FAR = 1e3
"""How many times its first size the largest number must have grown before its growth is doubted."""

STRIDE = 1e-3
"""The share of the largest number that a last step must be, to ask where more of it would lead."""

FARTHER = (1.0, 0.5, 0.1, 0.01)
"""How far to follow a move, in sizes of the largest number; the farthest first, as it alone is looked at mostly."""

BACK = (-0.5, -0.9, -0.99, -0.999, -0.9999, -0.99999, -0.999999, -0.9999999)
"""Where to look for the slope that the numbers came down from, as shares of the same move."""

HALVINGS = 12
"""How often the way back is halved, to find where the slope ends."""

BEYOND_EDGE = 0.1
"""How much smaller than at its end to make the numbers, to see whether the slope ends at an edge."""

STEEP, MANY = 1e-6, 1e3
"""The share of what the run has won that the loss must be higher there, and how many times what can be seen."""

GROWN = 10.0
"""How many times its first size the largest number must be, to ask whether a valley leads on."""

ON = 1.25
"""How much larger that number is made then."""

FOLLOWING = 40
"""The evaluations that the others may take to follow."""

LOWER = 0.5
"""By how many roots of the rounding the loss must be lower then: tolerances leave less to win than that."""

JUMPS = 4.0
"""How many times the first rise that is seen counts as flat: where a loss cancels large numbers, it goes in jumps."""

PASSING, SLOW = 30.0, 0.005
"""How many times to repeat a last step, and the share of its slope that must be left after it to do so."""

LONGER = 4
"""How often to repeat it so many times again, where nothing of it is seen."""


class Follower(Protocol):
    """A method within a box, that goes from one point to a lower one."""

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the next point, None where none was found, or raise BudgetError."""
        ...


Following = Callable[[Box], Follower]


def is_endless(
    objective: Objective, before: Point, here: Point, first: float, highest: float, following: Following
) -> bool:
    """Return whether larger numbers are as good or better for good; False where no evaluation is left.

    `first` is their first size, and `highest` the loss at the start of the run.
    """
    try:
        return (
            runs_away(objective, here, first)
            or strides_on(objective, before, here, first, highest)
            or (here.value < highest and levels_off(objective, here, first, highest))
            or leads_on(objective, here, first, following)
        )
    except BudgetError:
        return False


def runs_away(objective: Objective, here: Point, first: float) -> bool:
    """Return whether numbers that have grown far beyond their `first` size still win where they are twice as large.

    Where they have grown so far that their first size is lost in rounding, it is enough that nothing is lost.
    """
    if not here.size > FAR * first:
        return False
    change = change_at(objective, here, torch.where(here.x.abs() > FAR * first, here.x, 0.0))
    is_lost = first < epsilon_of(here) * here.size
    return change <= rounding_at(here) if is_lost else change < -rounding_at(here)


def strides_on(objective: Objective, before: Point, here: Point, first: float, highest: float) -> bool:
    """Return whether the last step still made large numbers larger, and more of it leads down for good.

    So it is where the minimum is at infinity, as that of exp(-x). Numbers that are smaller than they began do not lead
    there: a flat minimum at zero has such steps, too. False where no evaluation is left.
    """
    if before is here or here.size < first < math.inf:
        return False
    step = here.x - before.x
    length, size, was = read_numbers(largest(step), largest(here.x), largest(before.x))
    if not (size > was and length > STRIDE * size):
        return False
    try:
        return leads_down(objective, here, size / length * step, highest)
    except BudgetError:
        return False


def levels_off(objective: Objective, here: Point, first: float, highest: float) -> bool:
    """Return whether numbers that slopes do not hold back at twice their size lead down for good.

    So it is where a loss like 5 + exp(-x) has come as low as its dtype can tell. A loss that is lost beside `highest`,
    but still has slopes, is on its way to zero, unless the numbers have grown.
    """
    is_lost = abs(here.value) <= epsilon_of(here) ** 2 * (highest - here.value)
    if here.steepness and is_lost and here.size <= GROWN * first:
        return False
    there = objective.at(inside(here, 2 * here.x))
    outward = here.x if here.lengths is None else here.x / here.lengths
    loose = there.gradient * outward <= rounding_at(here)
    if here.box is not None:
        loose &= torch.where(here.x > 0, here.box.upper, -here.box.lower) == math.inf
    move = torch.where(loose, here.x, 0.0)
    return bool(move.any()) and leads_down(objective, here, move, highest)


def leads_down(objective: Objective, here: Point, move: Tensor, highest: float) -> bool:
    """Return whether the loss is never higher along a move, and falls visibly on it, or has fallen on its way here.

    At a minimum it rises. With numbers that it does not see it neither rises nor falls. On the way it may rise by
    noise, of which a loss that cancels large numbers has more than rounding.
    """
    rounding = rounding_at(here)
    first = change_at(objective, here, FARTHER[0] * move)
    if not first <= rounding:
        return False
    noise = max(rounding, JUMPS * math.sqrt(epsilon_of(here)) * (highest - here.value))
    if any(not change_at(objective, here, share * move) <= noise for share in FARTHER[1:]):
        return False
    falls = first < -rounding or has_levelled_off(objective, here, move, highest)
    return falls and knows_sizes(objective, here)


def has_levelled_off(objective: Objective, here: Point, move: Tensor, highest: float) -> bool:
    """Return whether the loss was higher behind, and has become flat slowly; an edge, as a hinge has, ends it."""
    rounding = rounding_at(here)
    level, higher, rise = 0.0, 0.0, 0.0
    for higher in BACK:
        rise = rise_at(objective, here, higher * move)
        if rounding < rise < math.inf:
            break
        level = higher
    else:
        return False
    for _ in range(HALVINGS):
        middle = (level + higher) / 2
        change = rise_at(objective, here, middle * move)
        level, higher, rise = (level, middle, change) if change > rounding else (middle, higher, rise)
    steep = change_at(objective, here, (higher - BEYOND_EDGE * (1 + higher)) * move)
    return steep < max(STEEP * (highest - here.value), MANY * rounding, JUMPS * rise)


def rise_at(objective: Objective, here: Point, move: Tensor) -> float:
    """Return by how much a move raises the loss, 0 where the rounding of the numbers explains it.

    Squares of residuals that cancel are noise beside a loss of zero, with the slopes of noise.
    """
    there = objective.at(inside(here, here.x + move))
    rise, (pulled,) = there.value - here.value, read_numbers((there.gradient * here.measured).abs().sum())
    return rise if rise > HIDDEN * epsilon_of(here) * pulled else 0.0


def knows_sizes(objective: Objective, here: Point) -> bool:
    """Return whether the loss is another where all numbers are smaller; else only their ratios count."""
    hidden = HIDDEN * epsilon_of(here) * abs(here.value)
    smaller = (objective.at(inside(here, (1 + share) * here.x)) for share in reversed(BACK))
    return any(abs(there.value - here.value) > hidden for there in smaller)


def leads_on(objective: Objective, here: Point, first: float, following: Following) -> bool:
    """Return whether a bent valley leads on: its largest number is made larger, and the others follow to a lower loss.

    Only numbers that have grown beyond their `first` size are asked.
    """
    if not here.size > GROWN * first:
        return False
    taken = here.x.abs() == here.size
    x = torch.where(taken, ON * here.x, here.x)
    if not torch.equal(inside(here, x), x):
        return False
    box = held(x, taken, here.box)
    others = copy(objective)
    others.box, others.budget = box, min(objective.budget, objective.evaluations + objective.products + FOLLOWING)
    try:
        lower = here.value - LOWER * math.sqrt(epsilon_of(here)) * abs(here.value)
        found = follows(others, following(box), x, lower)
    finally:
        objective.evaluations, objective.last = others.evaluations, others.last
    return found and knows_sizes(objective, here)


def held(x: Tensor, taken: Tensor, box: Box | None) -> Box:
    """Return a box that holds the taken numbers, and leaves the others where they may be."""
    unbounded = torch.full_like(x, math.inf)
    lower, upper = (-unbounded, unbounded) if box is None else (box.lower, box.upper)
    return Box(torch.where(taken, x, lower), torch.where(taken, x, upper))


def follows(objective: Objective, method: Follower, x: Tensor, below: float) -> bool:
    """Return whether a method finds a loss below a limit."""
    try:
        there: Point | None = objective.at(x)
        while there is not None and there.finite and there.value >= below:
            there = method.advance(objective, there)
    except BudgetError:
        return False
    return there is not None and there.value < below


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


def rounding_at(here: Point) -> float:
    """Return what a change of the loss must exceed to be seen."""
    return BELOW_ROUNDING * epsilon_of(here) * abs(here.value)
