"""Levenberg and Marquardt's step for all rows at once, within each row's bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from .systems import dot, solve, times

Room = tuple[Tensor, Tensor]
"""How far each number may move down (zero or less) and up (zero or more), shape (b, n)."""


def boxed_step(matrix: Tensor, slope: Tensor, damping: Tensor, room: Room) -> tuple[Tensor, Tensor]:
    """Return the p in its room with the least s'p + p'Sp / 2 + lambda |p|^2 / 2, and what the undamped model promises.

    `matrix` has shape (b, n, n) and a diagonal of ones, `damping` (b,).
    """
    low, high = room
    damped = matrix + torch.diag_embed(damping[:, None].expand_as(slope))
    p = -solve(damped, slope)
    out = ((p < low) | (p > high)).any(-1)
    p[out] = along_walls(damped[out], slope[out], (low[out], high[out]))
    return p, -dot(p, slope + 0.5 * times(matrix, p))


def along_walls(matrix: Tensor, slope: Tensor, room: Room) -> Tensor:
    """Return the least of the quadratic in its room: numbers lie on walls that they are pushed against, others answer.

    Each round goes to the lowest of three points: the free numbers' answer cut to the room, the same up to the first
    wall, and the least along their steepest descent up to a wall, which always goes down. The walls settle after about
    as many rounds as there are numbers.
    """
    low, high = room
    p = torch.zeros_like(slope)
    settled = torch.zeros_like(slope[:, 0], dtype=torch.bool)
    for _ in range(3 * slope.shape[-1] if len(slope) else 0):
        steep = slope + times(matrix, p)
        fixed = ((p <= low) & (steep > 0)) | ((p >= high) & (steep < 0))
        move = answer(matrix, steep, fixed)
        down = torch.where(fixed, 0.0, -steep)
        bend = dot(down, times(matrix, down))
        down = down * torch.where(bend > 0, dot(down, down) / bend, 1.0)[:, None]
        points = [inside(p + move, low, high), *(to_the_wall(p, way, low, high) for way in (move, down))]
        there = torch.where(settled[:, None], p, lowest(matrix, slope, points))
        settled |= ((there - p).abs() <= 1e-12 * move.abs().amax(-1, keepdim=True)).all(-1)
        p = there
        if bool(settled.all()):
            break
    return p


def lowest(matrix: Tensor, slope: Tensor, points: list[Tensor]) -> Tensor:
    """Return the point at which the quadratic is least."""
    stack = torch.stack(points)
    heights = dot(stack, slope + 0.5 * times(matrix, stack))
    best = heights.argmin(0)[None, ..., None].expand(1, *slope.shape)
    return stack.gather(0, best)[0]


def answer(matrix: Tensor, steep: Tensor, fixed: Tensor) -> Tensor:
    """Return the move of the free numbers to where they are flat; the fixed ones stay."""
    free = (~fixed).to(steep)
    unit = torch.diag_embed(1 - free)
    return -solve(matrix * free[..., :, None] * free[..., None, :] + unit, steep * free)


def to_the_wall(p: Tensor, move: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the point up to which the whole move stays in its room."""
    wall = torch.where(move > 0, high, low)
    share = torch.where(move != 0, (wall - p) / move, torch.inf).amin(-1, keepdim=True).clamp(0, 1)
    return inside(p + share * move, low, high)


def inside(p: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the nearest point in its room."""
    return torch.minimum(torch.maximum(p, low), high)
