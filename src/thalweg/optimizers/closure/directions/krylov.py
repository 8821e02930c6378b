"""Conjugate gradients on a quadratic model, cut off by a residual, by negative curvature or by a radius."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..function.vector import dot, moved, read_numbers

Operator = Callable[[Tensor], Tensor]


class Stage(NamedTuple):
    """One iteration: the iterate p it starts from, its direction d, the step along it, and p'p, p'd and d'd."""

    iterate: Tensor
    product: Tensor
    direction: Tensor
    curved: Tensor
    length: float
    bend: float
    slope: float
    squares: tuple[float, float, float]


@dataclass(slots=True)
class Path:
    """The iterates of one run of conjugate gradients; a smaller radius cuts the same path, at no new product."""

    stages: list[Stage] = field(default_factory=list)
    end: Tensor | None = None
    end_product: Tensor | None = None

    def within(self, radius: float) -> tuple[Tensor, Tensor, bool]:
        """Return the path's last point inside the radius, the Hessian times it, and whether the radius cut."""
        for stage in self.stages:
            reach = to_boundary(stage, radius)
            if not stage.bend > 0 or stage.length >= reach:
                reach = reach if math.isfinite(reach) else 1.0
                point = moved(stage.iterate, stage.direction, reach)
                return point, moved(stage.product, stage.curved, reach), True
        assert self.end is not None
        assert self.end_product is not None
        return self.end, self.end_product, False

    def before_negative_curvature(self) -> Tensor:
        """Return the last iterate; where even the first direction bends down, that direction."""
        if self.end is not None and self.stages[-1].bend > 0:
            return self.end
        return self.stages[-1].iterate if len(self.stages) > 1 else self.stages[0].direction


def to_boundary(stage: Stage, radius: float) -> float:
    """Return how far along the stage's direction the sphere of this radius lies."""
    p_p, p_d, d_d = stage.squares
    if radius == math.inf or d_d == 0:
        return math.inf
    # In powers of two near the radius and the direction's length, which round nothing, products keep to the range.
    far, long = math.frexp(radius)[1], math.frexp(d_d)[1] // 2
    inside = math.ldexp(radius, -far) ** 2 - math.ldexp(p_p, -2 * far)
    p_d, d_d = math.ldexp(p_d, -far - long), math.ldexp(d_d, -2 * long)
    root = math.sqrt(max(p_d * p_d + d_d * inside, 0.0))
    return math.ldexp((root - p_d) / d_d, far - long)


def solve(
    multiply: Operator,
    gradient: Tensor,
    tolerance: float,
    limit: int,
    radius: float = math.inf,
    precondition: Operator | None = None,
) -> Path:
    """Minimize g'p + p'Hp / 2 until the residual has fallen to `tolerance` of the gradient.

    Steihaug 1983, "The conjugate gradient method and trust regions in large scale optimization",
    https://doi.org/10.1137/0720042. The preconditioner measures residuals, so that they tell of the model's depth;
    steps have Euclid's length, and the path ends where it first leaves the sphere.
    """
    path = Path()
    apply = precondition or (lambda vector: vector)
    point, product = torch.zeros_like(gradient), torch.zeros_like(gradient)
    residual, z = gradient.clone(), apply(gradient)
    direction = z.neg()
    r_z, d_d = read_numbers(dot(residual, z), dot(direction, direction))
    goal, p_p, p_d = tolerance * tolerance * r_z, 0.0, 0.0
    for _ in range(limit):
        curved = multiply(direction)
        bend = read_numbers(dot(direction, curved))[0]
        length = r_z / bend if bend > 0 else math.inf
        path.stages.append(Stage(point, product, direction, curved, length, bend, r_z, (p_p, p_d, d_d)))
        if not bend > 0 or length >= to_boundary(path.stages[-1], radius):
            return path
        point, product = (moved(a, b, length) for a, b in ((point, direction), (product, curved)))
        residual = moved(residual, curved, length)
        z, before = apply(residual), r_z
        r_z = read_numbers(dot(residual, z))[0]
        if not r_z > goal:
            break
        direction = torch.sub(direction * (r_z / before), z)
        p_p, p_d, d_d = read_numbers(dot(point, point), dot(point, direction), dot(direction, direction))
    path.end, path.end_product = point, product
    return path
