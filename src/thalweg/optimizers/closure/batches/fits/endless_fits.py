"""Which fits of a batch have their minimum at infinity: the look of a single run (`run/valley.py`), row by row."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...run.infinity import FAR
from ...run.stopping import BELOW_ROUNDING
from ...run.valley import FOLLOWING, GROWN, LOWER, ON, TWICE
from ..members import Members
from .pooled_levenberg_marquardt import Answers, BatchedLevenbergMarquardt
from .systems import inverses

LOOSE, FAR_AND_LOOSE = 1e-3, 10.0
"""By what share of the loss a number that has grown, or grown far, may be held, to be asked whether it goes on."""


def go_on(method: BatchedLevenbergMarquardt, answers: Answers, members: Members) -> Tensor:
    """Return which answers are none, since the others follow their largest number to lower losses for good."""
    endless = may_go_on(answers, members.starts)
    if bool(endless.any()):
        rows = endless.nonzero()[:, 0]
        endless[rows] = lead_on(replace(method, max_iter=FOLLOWING), rows, answers, members)
    return endless


def may_go_on(answers: Answers, starts: Tensor) -> Tensor:
    """Return which successes have a largest number that has grown beyond its first size, and is held by little.

    If it moved by its size while the others follow, the model would hold it back by x^2 / 2 (J'J)^-1.
    """
    if not answers.x.numel():
        return torch.zeros_like(answers.success)
    size, first = answers.x.abs().amax(1), starts.abs().amax(1)
    may = answers.success & (size > GROWN * torch.where(first > 0, first, torch.inf))
    if bool(may.any()):
        n = answers.x.shape[1]
        inverse = inverses(answers.gram[may][:, :n, :n]).diagonal(dim1=1, dim2=2)
        place = answers.x[may].abs().argmax(1, keepdim=True)
        held = size[may].to(inverse).square() / (2 * inverse.gather(1, place)[:, 0])
        share = torch.where(size[may] > FAR * first[may], FAR_AND_LOOSE, LOOSE)
        may[may.clone()] = held <= share * answers.cost[may]
    return may


def lead_on(method: BatchedLevenbergMarquardt, rows: Tensor, answers: Answers, members: Members) -> Tensor:
    """Return whether the losses are lower where the largest number is, and go on so where they are only a little."""
    cost, epsilon = answers.cost[rows], torch.finfo(members.starts.dtype).eps
    rounding = BELOW_ROUNDING * epsilon * cost
    lower, lowest = (followed(method, rows, answers, members, times) for times in (ON, TWICE))
    is_clear = lower < cost - LOWER * math.sqrt(epsilon) * cost
    return (lower < cost - rounding) & (is_clear | (lowest < lower - rounding))


def followed(
    method: BatchedLevenbergMarquardt, rows: Tensor, answers: Answers, members: Members, times: float
) -> Tensor:
    """Return the losses where the largest number of each row is so many times as large, infinite beyond a wall."""
    x = answers.x[rows]
    taken = x.abs() == x.abs().amax(1, keepdim=True)
    starts = torch.where(taken, times * x, x)
    infinite = torch.full_like(x, torch.inf)
    low, high = (-infinite, infinite) if members.walls is None else (wall[rows] for wall in members.walls)
    walls = torch.where(taken, starts, low), torch.where(taken, starts, high)
    found = method.run(Members(starts, [arg[rows] for arg in members.args], walls))
    answers.calls += found.calls
    return torch.where(((low <= starts) & (starts <= high)).all(1), found.cost, torch.inf)
