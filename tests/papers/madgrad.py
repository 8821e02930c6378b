"""Dual averaging with a cube root."""

import math

from .reference import of


@of("MADGRAD")
def madgrad(theta, gradients, *, lr=1e-2, momentum=0.9, weight_decay=0.0, eps=1e-6, maximize=False):
    """Defazio & Jelassi 2021, "Adaptivity Without Compromise", algorithm 1. https://arxiv.org/abs/2101.11075."""
    start, s, nu = theta, 0.0, 0.0
    for k, g in enumerate(gradients):
        g = (-g if maximize else g) + weight_decay * theta
        rate = (lr + eps) * math.sqrt(k + 1)
        s += rate * g
        nu += rate * g * g
        z = start - s / (nu ** (1 / 3) + eps)
        theta = momentum * theta + (1 - momentum) * z
        yield theta
