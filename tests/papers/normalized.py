"""Momentum of gradients that were divided by their size before."""

import math

from .reference import of


@of("ADOPT")
def adopt(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.9999),
    eps=1e-6,
    weight_decay=0.0,
    clip_exponent=0.25,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Divide by the second moment of the gradients before.

    Taniguchi et al. 2024, "ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate", algorithm 2, whose
    steps are counted from 0. https://arxiv.org/abs/2411.02853
    """
    (beta1, beta2), m, v = betas, 0.0, None
    for t, g in enumerate(gradients):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        if v is None:
            v = g * g
        else:
            bound, size = t**clip_exponent, max(math.sqrt(v), eps)
            # a quotient of nothing is bounded, too
            quotient = g / size if size else (math.copysign(math.inf, g) if g else 0 / 0.0)
            m = beta1 * m + (1 - beta1) * min(max(quotient, -bound), bound)
            v = beta2 * v + (1 - beta2) * g * g
        theta -= lr * m
        yield theta


@of("LaProp")
def laprop(
    theta,
    gradients,
    *,
    lr=4e-4,
    betas=(0.9, 0.999),
    eps=1e-15,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Divide, then take the momentum.

    Ziyin, Wang & Ueda 2020, "LaProp: Separating Momentum and Adaptivity in Adam", algorithm 1.
    https://arxiv.org/abs/2002.04839
    """
    (mu, nu), m, n = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        n = nu * n + (1 - nu) * g * g
        m = mu * m + (1 - mu) * lr * g / (math.sqrt(n / (1 - nu**t)) + eps)
        theta -= m / (1 - mu**t)
        yield theta
