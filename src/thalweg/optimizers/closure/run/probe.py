"""A minimum that is claimed is probed: the losses beside it, which no wrong gradient can spoil, must not be lower."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import c_float
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ..function.bounds import Box
from ..function.objective import Objective, Point
from ..function.units import lengths_of
from ..function.vector import dot, read_numbers
from .result import Reason
from .stopping import epsilon_of
from .verdict import HIDDEN, ROUNDING_OF_FLOAT32, change_at

REACH = 0.25
"""How far to look: the rounding to this power, as a share of the numbers' sizes."""

HALVES = (1.0, 0.5, 0.25, 0.125)
"""Where a lower loss is followed back to the point, as shares of its distance."""

CLOSER = 4
"""How often to look from eight times closer, where the losses on the way lie on no parabola."""

LIKE = 0.05
"""How far the losses may lie from a parabola, as a share of the fall."""


FEW = 10_000
"""Numbers up to which what looks random is kept for the next run: to make it takes as long as an evaluation."""


class Line(NamedTuple):
    """A line through the point: `move` reaches as far as one looks, and the gradient has promised that `slope`."""

    objective: Objective
    here: Point
    move: Tensor
    slope: float
    epsilon: float
    two_sided: bool

    @property
    def rounding(self) -> float:
        """What a fall must exceed."""
        return HIDDEN * self.epsilon * abs(self.here.value)

    def change(self, share: float) -> float:
        """Return by how much the loss changes, at a share of the move."""
        return change_at(self.objective, self.here, share * self.move)

    def is_lower(self, change: float, share: float) -> bool:
        """Return whether a change is a fall that can be seen, and more than twice what the gradient has promised."""
        return change < 2 * min(0.0, share * self.slope) - self.rounding


def refuted(objective: Objective, here: Point) -> Reason | None:
    """Return why a point is no minimum, None where nothing speaks against it; two evaluations, mostly.

    A third one looks inward from the walls of a box, and a few more follow a lower loss back to the point: it must
    come down to it as a slope or a bend does, which noise and other valleys do not.
    """
    lines = (line for line in lines_through(objective, here) if bool(line.move.any()))
    return next((reason for line in lines if (reason := followed(line, suspected(line)))), None)


def lines_through(objective: Objective, here: Point) -> Iterator[Line]:
    """Yield a line of the numbers that no wall stops, and one that leads inward from the walls."""
    loss = here.value * objective.units.loss
    epsilon = max(epsilon_of(here), ROUNDING_OF_FLOAT32 if is_coarse(loss) else 0.0)
    for move, two_sided in moves(here, epsilon**REACH):
        measured = move if here.lengths is None else move / here.lengths
        slope = read_numbers(dot(here.gradient, measured))[0]
        yield Line(objective, here, move, slope, epsilon, two_sided)


def is_coarse(loss: float) -> bool:
    """Return whether a loss could have been computed in float32."""
    return c_float(loss).value == loss


def moves(here: Point, reach: float) -> list[tuple[Tensor, bool]]:
    """Return the moves, and whether each may be taken backwards as well."""
    ways, far = directions(here.x), reach * lengths_of(here.x, here.x)
    if here.box is None:
        return [(ways * far, True)]
    inside, from_walls = torch.minimum(far, room(here.box, here.x)), inward(here.box, here.x, ways.abs() * far)
    return [(ways * inside, True), (from_walls, False)]


def directions(x: Tensor) -> Tensor:
    """Return numbers from 1/2 to 1 of either sign that look random, the same in every process."""
    numbers = (kept_chance if x.numel() <= FEW else chance)(x.numel()).to(x)
    return 0.5 * (numbers + numbers.sign())


def chance(count: int) -> Tensor:
    """Return numbers between -1 and 1."""
    generator = torch.Generator("cpu").manual_seed(0)
    return torch.empty(count, dtype=torch.float32, device="cpu").uniform_(-1, 1, generator=generator)


kept_chance = lru_cache(maxsize=8)(chance)


def room(box: Box, x: Tensor) -> Tensor:
    """Return how far each number is from the nearer wall."""
    return torch.minimum(x - box.lower, box.upper - x)


def inward(box: Box, x: Tensor, far: Tensor) -> Tensor:
    """Return the move of all numbers on a wall, away from it."""
    far = torch.minimum(far, box.upper - box.lower)
    return torch.where(x <= box.lower, far, torch.where(x >= box.upper, -far, 0.0))


def suspected(line: Line) -> float:
    """Return at which share of the move the loss should be lower, zero where nowhere.

    Where it rises on both sides, but not alike, so that the slope is another than promised, it is where the parabola
    through the three losses is lowest.
    """
    ahead, back = line.change(1.0), line.change(-1.0) if line.two_sided else 0.0
    lower = [(change, share) for change, share in ((ahead, 1.0), (back, -1.0)) if line.is_lower(change, share)]
    if lower or not line.two_sided:
        return min(lower)[1] if lower else 0.0
    odd, even = (ahead - back) / 2, (ahead + back) / 2
    hidden = line.rounding + HIDDEN * line.epsilon * abs(even)
    is_other = abs(odd - line.slope) > abs(odd) / 2 and odd * odd > 4 * even * hidden
    return -odd / (2 * even) if even > 0 and is_other else 0.0


def followed(line: Line, share: float) -> Reason | None:
    """Follow the lower loss at a share of the move back to the point; None where it is no part of a slope."""
    for _ in range(CLOSER if share else 0):
        first = line.change(share)
        if not line.is_lower(first, share):
            return None
        falls = [first, *(line.change(share * part) for part in HALVES[1:])]
        if is_parabola(falls):
            return reason_of(line, share * HALVES[-1], falls[-1])
        share *= HALVES[-1]
    return None


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
