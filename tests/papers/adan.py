"""Nesterov's momentum, from differences of gradients."""

import math

from .reference import of


@of("Adan")
def adan(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.98, 0.92, 0.99),
    eps=1e-8,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Xie, Zhou, Li, Lin & Yan 2022, "Adan: Adaptive Nesterov Momentum Algorithm", algorithm 1, with bias corrections.

    https://arxiv.org/abs/2208.06677. Decay is by an implicit step; apart from it, as the authors' no_prox=True.
    """
    (beta1, beta2, beta3), m, v, n, last = betas, 0.0, 0.0, 0.0, None
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        change = g - last if last is not None else 0.0
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * change
        n = beta3 * n + (1 - beta3) * (g + beta2 * change) ** 2
        eta = lr / (math.sqrt(n / (1 - beta3**t)) + eps)
        step = eta * (m / (1 - beta1**t) + beta2 * v / (1 - beta2**t))
        theta = (
            theta * (1 - lr * weight_decay) - step
            if decoupled_weight_decay
            else (theta - step) / (1 + lr * weight_decay)
        )
        last = g
        yield theta
