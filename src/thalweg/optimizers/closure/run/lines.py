"""The lines through a point along which its neighbours are looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from ctypes import c_float
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ..function.bounds import Box
from ..function.objective import Objective, Point, acting
from ..function.units import lengths_of
from ..function.vector import dot, largest, product, read_numbers
from .stopping import epsilon_of
from .verdict import HIDDEN, ROUNDING_OF_FLOAT32, inside

REACH = 0.25
"""How far to look: the rounding to this power, as a share of the numbers' sizes."""

AS_SLOPES = 3.0
"""How far a loss beside the point may be from what slopes tell, in shares of the reach: third derivatives bend it."""

NOTHING = 64.0
"""Roundings of the loss that a number's slope promises at most, and roundings that a step moves it, if it rests."""

STEADY = 8.0
"""How many times as steep or as flat the slope of a number may become on the way, if the number drifts."""

LOOSE = 5.0
"""How many times as large the slope of a number must be as what it changes by on the way, to be followed farther."""

FARTHEST = 1.2
"""How far to look on flat ground, in sizes of the numbers now, or of the first ones."""

FEW = 10_000
"""Numbers up to which what looks random is kept for the next run: to make it takes as long as an evaluation."""


class Look(NamedTuple):
    """What is seen at a share of a move: the change of the loss, the slope of the move there, and the gradient."""

    share: float
    change: float
    slope: float
    gradient: Tensor


class Line(NamedTuple):
    """A line through the point: `move` reaches as far as one looks, and the gradient has promised that `slope`.

    On flat ground one looks up to `farthest` sizes of the numbers away.
    """

    objective: Objective
    here: Point
    move: Tensor
    slope: float
    epsilon: float
    two_sided: bool
    farthest: float

    @property
    def reach(self) -> float:
        """How far one looks, as a share of the numbers' sizes."""
        return math.pow(self.epsilon, REACH)

    @property
    def rounding(self) -> float:
        """What a fall must exceed."""
        return HIDDEN * self.epsilon * abs(self.here.value)

    def look(self, share: float) -> Look:
        """Return what is seen at a share of the move."""
        x = inside(self.here, self.here.x + share * self.move)
        there, slope = self.objective.along(x, in_units_of(self.here, self.move))
        return Look(share, there.value - self.here.value, slope, there.gradient)

    def point(self, share: float) -> Point:
        """Return the point at a share of the move."""
        return self.objective.at(inside(self.here, self.here.x + share * self.move))

    def change(self, share: float) -> float:
        """Return by how much the loss changes, at a share of the move."""
        return self.look(share).change

    def is_lower(self, look: Look) -> bool:
        """Return whether a change is a fall that can be seen, and more than twice what the gradient has promised."""
        return look.change < 2 * min(0.0, look.share * self.slope) - self.rounding

    def is_flat(self, *looks: Look) -> bool:
        """Return whether no change can be seen."""
        return all(abs(look.change) <= self.rounding for look in looks)

    def is_bowl(self, look: Look) -> bool:
        """Return whether the loss rises to the end of the move, and as its slopes at both ends have it.

        Then they are the loss's own, and it bends up: the other side tells nothing more.
        """
        explained = (self.slope + look.slope) / 2
        return look.change > self.rounding and abs(look.change - explained) <= AS_SLOPES * self.reach * look.change

    def bends(self, look: Look) -> Tensor:
        """Return by how much the slope of every number has changed, along its move."""
        return (look.gradient - self.here.gradient) * in_units_of(self.here, self.move)

    def downwards(self, look: Look, before: Point) -> Line | None:
        """Return the line of those numbers alone whose slope turns down at the end of the move, and was zero before.

        Along a line of all numbers the others hide a saddle's two slopes. `before` is the point before the last step,
        which moves such numbers no more.
        """
        here, epsilon = self.here, NOTHING * self.epsilon
        move = in_units_of(here, self.move)
        turned = self.bends(look) < 0
        # Beside most minima no slope turns, and nothing else is asked.
        if not bool(turned.any()):
            return None
        is_zero = (here.gradient * move).abs() <= self.reach * epsilon * abs(here.value)
        turned &= is_zero & ((here.x - before.x).abs() <= epsilon * lengths_of(here.x, here.x))
        if not bool(turned.any()):
            return None
        move = torch.where(turned, self.move, 0.0)
        return self._replace(move=move, slope=slope_of(here, move))

    def adrift(self, look: Look, first: float) -> Line | None:
        """Return the line downhill of those numbers alone whose slope stays, and whose bend is lost in the loss.

        They have not come to rest, but numbers that are held hide them. A number that is small because it has hardly
        left zero is measured by what the largest one is, or was at `first`.
        """
        here, move = self.here, in_units_of(self.here, self.move)
        slopes, there = here.gradient * move, look.gradient * move
        ratios = there / slopes  # NaN and false where both are zero
        is_steady = (ratios > 1 / STEADY) & (ratios < STEADY)
        drifts = is_steady & ((there - slopes).abs() <= self.rounding)
        return None if here.box is not None else self._downhill(drifts, first)

    def loose(self, look: Look, first: float) -> Line | None:
        """Return the line downhill of those numbers alone whose slope stays nearly as it is: they have far to go."""
        here, move = self.here, in_units_of(self.here, self.move)
        acts = acting(here.x, here.gradient, here.box) * move
        stays = (look.gradient * move - acts).abs() < acts.abs() / LOOSE
        return self._downhill(stays, first)

    def _downhill(self, numbers: Tensor, first: float) -> Line | None:
        """Return the line downhill of some numbers alone, each as far as it or the first ones are large."""
        if not bool(numbers.any()):
            return None
        here = self.here
        far = self.reach * lengths_of(here.x, here.x).clamp_min(min(first, here.size))
        move = torch.where(numbers, -here.gradient.sign() * far, 0.0)
        return self._replace(move=move, slope=slope_of(here, move))

    def athwart(self, look: Look, before: Point) -> Line | None:
        """Return the line across the last step, if it bends down while the look and the step bend up.

        Steps that came to a saddle in a slanting direction hide its other slope. With the look's move v, the last step
        s and H the Hessian, v's least bend over all v + t s is v'Hv - (s'Hv)^2 / s'Hs.
        """
        here = self.here
        if here.box is not None or before is here or before.lengths is not here.lengths:
            return None
        # A step may be so short that its square is lost: all are measured by it.
        length = largest(here.x - before.x)
        step, change = (here.x - before.x) / length, (here.gradient - before.gradient) / length
        measured = step if here.lengths is None else step / here.lengths
        mixed, along = read_numbers(dot(look.gradient - here.gradient, measured), dot(change, measured))
        bend = look.slope - self.slope
        if not along > 0 or mixed * mixed <= (1 + self.reach**2) * bend * along:
            return None
        move = self.move - mixed / along * step
        shares = read_numbers(largest(self.move), largest(move))
        move = move * (shares[0] / shares[1]) if shares[1] else move
        return self._replace(move=move, slope=slope_of(here, move))


class Beside:
    """The lines through a point, and what is seen at their ends: several questions share these looks."""

    def __init__(
        self, objective: Objective, before: Point, here: Point, first: float = math.inf, coarsest: float = 0.0
    ) -> None:
        self.objective = objective
        self.before = before
        self.here = here
        self.first = first
        self.coarsest = coarsest

    @cached_property
    def lines(self) -> list[Line]:
        """A line of the numbers that no wall stops, and one that leads inward from the walls."""
        return list(lines_through(self.objective, self.here, self.first, self.coarsest))

    @cached_property
    def ahead(self) -> Look:
        """What is seen at the end of the first line."""
        return self.lines[0].look(1.0)

    @cached_property
    def turned(self) -> list[tuple[Line, Look]]:
        """The lines along which slopes turn down at that end, if any, and what is seen at their own."""
        lines = self.lines[0].downwards(self.ahead, self.before), self.lines[0].athwart(self.ahead, self.before)
        return [(line, line.look(1.0)) for line in lines if line is not None]

    @cached_property
    def adrift(self) -> Line | None:
        """A line downhill of the numbers that have not come to rest, if any."""
        return self.lines[0].adrift(self.ahead, self.first)

    @cached_property
    def loose(self) -> Line | None:
        """A line downhill of the numbers that have far to go, if any."""
        return self.lines[0].loose(self.ahead, self.first)


def slope_of(here: Point, move: Tensor) -> float:
    """Return by how much a move changes the loss, as its slope at a point has it."""
    return product(here.gradient, in_units_of(here, move))


def in_units_of(here: Point, move: Tensor) -> Tensor:
    """Return a move in the units of a point's gradient."""
    return move if here.lengths is None else move / here.lengths


def lines_through(objective: Objective, here: Point, first: float, coarsest: float = 0.0) -> Iterator[Line]:
    """Yield a line of the numbers that no wall stops, and one that leads inward from the walls.

    Numbers that have all shrunk to nothing beside their `first` size are measured by it. The loss is rounded to
    `coarsest` at least.
    """
    loss = here.value * objective.units.loss
    epsilon = max(epsilon_of(here), coarsest, ROUNDING_OF_FLOAT32 if is_coarse(loss) else 0.0)
    has_shrunk = here.size < math.sqrt(epsilon) * first < math.inf
    sizes = torch.full_like(here.x, first) if has_shrunk else lengths_of(here.x, here.x)
    farthest = FARTHEST * (max(1.0, first / here.size) if here.size and not has_shrunk and first < math.inf else 1.0)
    for move, two_sided in moves(here, epsilon**REACH * sizes):
        yield Line(objective, here, move, slope_of(here, move), epsilon, two_sided, farthest)


def is_coarse(loss: float) -> bool:
    """Return whether a loss could have been computed in float32."""
    return c_float(loss).value == loss


def moves(here: Point, far: Tensor) -> list[tuple[Tensor, bool]]:
    """Return the moves, as far as that for each number, and whether each may be taken backwards as well."""
    toward = directions(here.x)
    if here.box is None:
        return [(toward * far, True)]
    between, from_walls = torch.minimum(far, room(here.box, here.x)), inward(here.box, here.x, toward.abs() * far)
    return [(toward * between, True), (from_walls, False)]


def directions(x: Tensor) -> Tensor:
    """Return numbers from 1/2 to 1 of either sign that look random, the same in every process."""
    return (kept_ways if x.numel() <= FEW else ways)(x.numel(), x.dtype, x.device).clone()


def ways(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return such numbers, drawn on the CPU in float32."""
    generator = torch.Generator("cpu").manual_seed(0)
    drawn = torch.empty(count, dtype=torch.float32, device="cpu").uniform_(-1, 1, generator=generator)
    numbers = drawn.to(device, dtype)
    return 0.5 * (numbers + numbers.sign())


kept_ways = lru_cache(maxsize=8)(ways)


def room(box: Box, x: Tensor) -> Tensor:
    """Return how far each number is from the nearer wall."""
    return torch.minimum(x - box.lower, box.upper - x)


def inward(box: Box, x: Tensor, far: Tensor) -> Tensor:
    """Return the move of all numbers on a wall, away from it."""
    far = torch.minimum(far, box.upper - box.lower)
    return torch.where(x <= box.lower, far, torch.where(x >= box.upper, -far, 0.0))
