"""A run that ends where it began may be at a saddle: no step has told how the loss bends, so gradients are asked."""

from __future__ import annotations

import math

from torch import Tensor

from .least_bend import least_bent
from .lines import REACH, Beside, directions, in_units_of, slope_of
from .probe import doubted
from .result import Reason
from .stopping import epsilon_of
from .verdict import ROUNDING_OF_FLOAT32, is_coarser


def bends_down_at_start(beside: Beside) -> bool:
    """Return whether the loss falls along some way from a start that no step has left.

    One line through a slanting saddle may see a bowl. Where all numbers bend alike, no evaluation is made.
    """
    if beside.before is not beside.here or not bool(beside.lines[0].move.any()):
        return False
    here, line = beside.here, beside.lines[0]
    toward = directions(here.x)
    far = (line.move / toward).nan_to_num(0.0)

    def bends(ways: Tensor) -> Tensor:
        there = line._replace(move=ways[0] * far).look(1.0)
        return ((there.gradient - here.gradient) * in_units_of(here, far))[None]

    bent = ((beside.ahead.gradient - here.gradient) * in_units_of(here, far))[None]
    if not bool(bent.any()):
        return False
    moves, least, most = least_bent(toward[None], bent, bends, line.reach**2)
    if not bool(least < line.reach * most):
        return False
    epsilon = max(epsilon_of(here), ROUNDING_OF_FLOAT32 if is_coarser(beside.objective, here) else 0.0)
    move = moves[0] * far * (epsilon / line.epsilon) ** REACH
    line = line._replace(move=move, slope=slope_of(here, move), epsilon=epsilon)
    return doubted(line, line.look(1.0), math.inf) not in (None, Reason.FLAT)
