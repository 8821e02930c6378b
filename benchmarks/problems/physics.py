"""Physics-informed networks: u'' = f on [-1, 1] by a network of 481 parameters in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from problems.problem import Problem

SHAPES = ((20, 1), (20,), (20, 20), (20,), (1, 20), (1,))


def start(seed: int = 0) -> Tensor:
    """Return Glorot's start (2010): normal weights of variance 2 / (fan in + fan out), zero biases."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for shape in SHAPES:
        spread = math.sqrt(2 / sum(shape)) if len(shape) == 2 else 0.0
        parts.append((spread * torch.randn(shape, dtype=torch.float64, generator=generator)).flatten())
    return torch.cat(parts)


def layers(x: Tensor) -> list[Tensor]:
    parts = x.split([math.prod(shape) for shape in SHAPES])
    return [part.view(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def field(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return u and u'' at the points t, derivatives carried forward through tanh."""
    w1, b1, w2, b2, w3, b3 = layers(x)
    value, first, second = tanh_twice(t @ w1.T + b1, w1.T, torch.zeros_like(w1.T))
    value, first, second = tanh_twice(value @ w2.T + b2, first @ w2.T, second @ w2.T)
    return (value @ w3.T + b3)[:, 0], (second @ w3.T)[:, 0]


def tanh_twice(z: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    h = torch.tanh(z)
    slope = 1 - h**2
    return h, slope * first, slope * second - 2 * h * slope * first**2


POINTS = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
FORCE = -((2 * math.pi) ** 2) * torch.sin(2 * math.pi * POINTS[:, 0])
ENDS = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)


def poisson_loss(x: Tensor) -> Tensor:
    """Return the mean squared residual of u'' = -(2 pi)^2 sin(2 pi t) plus that of u(-1) = u(1) = 0."""
    inside, edge = field(x, POINTS)[1] - FORCE, field(x, ENDS)[0]
    return inside.square().mean() + edge.square().mean()


POISSON = Problem(
    "poisson_pinn", "Raissi, Perdikaris & Karniadakis 2019; 1-20-20-1, 100 points", start(), 0.0, poisson_loss
)
