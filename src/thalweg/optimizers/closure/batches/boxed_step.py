"""Levenberg and Marquardt's step for all rows at once, within each row's bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from .systems import solve

Room = tuple[Tensor, Tensor]
"""How far each number may move down (zero or less) and up (zero or more), shape (b, n)."""


def boxed_step(matrix: Tensor, slope: Tensor, damping: Tensor, room: Room | None) -> tuple[Tensor, Tensor]:
    """Return the p in its room with the least s'p + p'Sp / 2 + lambda |p|^2 / 2, and what the undamped model promises.

    `matrix` has shape (b, n, n) and a diagonal of ones, `damping` (k, b): k steps of each row.
    """
    damped = matrix.expand(len(damping), *matrix.shape).clone()
    damped.diagonal(dim1=-2, dim2=-1).add_(damping[..., None])
    slope = slope.expand(damped.shape[:-1])
    p = -solve(damped, slope)
    if room is None:
        # Where (S + lambda) p = -s, Sp needs no product.
        return p, -0.5 * (p * (slope - damping[..., None] * p)).sum(-1)
    low, high = (side.expand_as(p) for side in room)
    out = ((p < low) | (p > high)).any(-1)
    p[out] = along_walls(damped[out], slope[out], (low[out], high[out]))
    return p, -(p * (slope + 0.5 * times(matrix, p))).sum(-1)


def along_walls(matrix: Tensor, slope: Tensor, room: Room) -> Tensor:
    """Return the least of the quadratic in its room: numbers lie on walls that they are pushed against, others answer.

    Each round goes to the lowest of three points: the free numbers' answer cut to the room, the same up to the first
    wall, and the least along their steepest descent up to a wall, which always goes down. The walls settle after about
    as many rounds as there are numbers.
    """
    low, high = room
    p = torch.zeros_like(slope)
    for _ in range(3 * slope.shape[-1] if len(slope) else 0):
        steep = slope + times(matrix, p)
        fixed = ((p <= low) & (steep > 0)) | ((p >= high) & (steep < 0))
        move = answer(matrix, steep, fixed)
        down = torch.where(fixed, 0.0, -steep)
        bend = (down * times(matrix, down)).sum(-1, keepdim=True)
        down = down * torch.where(bend > 0, down.square().sum(-1, keepdim=True) / bend, 1.0)
        points = [inside(p + move, low, high), *(to_the_wall(p, way, low, high) for way in (move, down))]
        there = lowest(matrix, slope, points)
        settled = ((there - p).abs() <= 1e-12 * move.abs().amax(-1, keepdim=True)).all()
        p = there
        if bool(settled):
            break
    return p


def lowest(matrix: Tensor, slope: Tensor, points: list[Tensor]) -> Tensor:
    """Return the point at which the quadratic is least."""
    stack = torch.stack(points)
    heights = (stack * (slope + 0.5 * times(matrix, stack))).sum(-1)
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


def times(matrix: Tensor, p: Tensor) -> Tensor:
    """Return the product of each row's matrix with its vector."""
    product: Tensor = matrix @ p[..., None]
    return product[..., 0]
