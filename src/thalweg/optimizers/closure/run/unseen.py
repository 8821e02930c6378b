"""Saddles that a linear model of residuals does not see: what bends down along ways that change no residual."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..function.objective import Point
from .least_bend import combined
from .lines import FARTHEST, REACH, Beside, Line, slope_of
from .probe import doubted
from .result import Reason
from .stopping import epsilon_of
from .verdict import inside

MOST = 8
"""The most ways without any effect on the residuals that are looked along."""


def bends_down(beside: Beside, ways: Tensor | None, highest: float) -> bool:
    """Return whether the loss falls along some combination of `ways`, shape (k, n), as it does beside a saddle.

    To first order the ways change no residual; beside most minima there are none, and no evaluation is made. Where the
    sum of squares is zero beside the `highest` one, none is lower. Differences of gradients tell how the loss bends
    along each way; where it bends down, it is looked at itself.
    """
    objective, here = beside.objective, beside.here
    epsilon = epsilon_of(here)
    if ways is None or here.value <= epsilon * highest:
        return False
    ways = torch.stack([with_room(here, epsilon**REACH * way) for way in ways.to(here.x)])
    slopes = torch.stack([objective.at(inside(here, here.x + way)).gradient - here.gradient for way in ways])
    (move,), bend, _ = combined(ways[None], slopes[None])
    if not bool(bend < 0):
        return False
    line = Line(objective, here, move, slope_of(here, move), epsilon, True, FARTHEST)
    return doubted(line, line.look(1.0), math.inf) not in (None, Reason.FLAT)


def with_room(here: Point, way: Tensor) -> Tensor:
    """Return a way, or its opposite where a wall is in the way."""
    return way if torch.equal(inside(here, here.x + way), here.x + way) else -way
