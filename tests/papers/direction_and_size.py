"""The direction of a mean, the size of a gradient."""

import math

from .reference import of
from .signs import sign


@of("Ano")
def ano(theta, gradients, *, lr=1e-4, betas=(0.92, 0.99), eps=1e-8, weight_decay=0.0, maximize=False):
    """Kegreisz 2025, "Ano: Faster is Better in Noisy Landscapes", algorithm 1. https://arxiv.org/abs/2508.18258."""
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * sign(g * g - v) * g * g
        theta -= lr * abs(g) / (math.sqrt(v / (1 - beta2**t)) + eps) * sign(m)
        yield theta
