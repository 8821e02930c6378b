"""Bent valleys that lead to infinity: one number is held farther out, and the others follow it."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..function.bounds import Box
from ..function.objective import BudgetError, Objective, Point, acting
from ..function.units import Units, lengths_of
from ..function.vector import read_numbers
from .stopping import epsilon_of, rounding_at
from .verdict import inside

GROWN = 10.0
"""How many times its first size the largest number must be, to ask whether a valley leads on."""

ON = 1.25
"""How much larger that number is made then."""

TWICE = 2.0
"""How much larger it is made next, where the fall is so small that tolerances could have left it."""

FOLLOWING = 40
"""The evaluations that the others may take to follow."""

HOPELESS = 100.0
"""How many of their own sizes the others would have to move: a convex loss falls no more than slopes times these."""

LOWER = 0.5
"""By how many roots of the rounding the loss must be lower then: tolerances leave less to win than that."""


class Follower(Protocol):
    """A method within a box, that goes from one point to a lower one."""

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the next point, None where none was found, or raise BudgetError."""
        ...


Following = Callable[[Box, Tensor], Follower]


def leads_on(objective: Objective, here: Point, first: float, following: Following) -> bool:
    """Return whether a bent valley leads on: its largest number is made larger, and the others follow to a lower loss.

    Only numbers that have grown beyond their `first` size are asked. A fall that tolerances could have left must go on
    where the number is twice as large.
    """
    if not here.size > GROWN * first:
        return False
    valley = Valley(objective, here, here.x.abs() == here.size, following)
    rounding = rounding_at(here)
    lower = valley.follow(ON, here.value - rounding)
    if lower is None:
        return False
    is_clear = lower < here.value - LOWER * math.sqrt(epsilon_of(here)) * abs(here.value)
    return is_clear or valley.follow(TWICE, lower - rounding) is not None


class Valley(NamedTuple):
    """A valley that may lead to infinity: the numbers `taken` are held farther out, and the others follow."""

    objective: Objective
    here: Point
    taken: Tensor
    following: Following

    def follow(self, times: float, below: float) -> float | None:
        """Return the loss that the others find below a limit, where the taken are so many times as large, if any."""
        here, objective = self.here, self.objective
        x = torch.where(self.taken, times * here.x, here.x)
        if not torch.equal(inside(here, x), x):
            return None
        box = held(x, self.taken, here.box)
        others = copy(objective)
        others.box, others.budget = box, min(objective.budget, objective.evaluations + objective.products + FOLLOWING)
        # The number held may be a million times as large as the others' first steps should be.
        others.units = Units(objective.units.loss, lengths_of(here.x, here.x))
        try:
            return follows(others, self.following(box, lengths_of(here.x, here.x)), x, below)
        finally:
            objective.evaluations, objective.last = others.evaluations, others.last


def held(x: Tensor, taken: Tensor, box: Box | None) -> Box:
    """Return a box that holds the taken numbers, and leaves the others where they may be."""
    unbounded = torch.full_like(x, math.inf)
    lower, upper = (-unbounded, unbounded) if box is None else (box.lower, box.upper)
    return Box(torch.where(taken, x, lower), torch.where(taken, x, upper))


def follows(objective: Objective, method: Follower, x: Tensor, below: float) -> float | None:
    """Return a loss that a method finds below a limit, if it does."""
    try:
        there: Point | None = objective.at(x)
        while there is not None and there.finite and there.value >= below:
            if HOPELESS * pulled(there) < there.value - below:
                return None
            there = method.advance(objective, there)
    except BudgetError:
        return None
    return there.value if there is not None and there.value < below else None


def pulled(there: Point) -> float:
    """Return by how much the loss would change if each number moved by its size, along its slope."""
    sizes = lengths_of(there.x, there.x)
    slopes = acting(there.x, there.gradient, there.box)
    return read_numbers((slopes * (sizes if there.lengths is None else sizes / there.lengths)).abs().sum())[0]
