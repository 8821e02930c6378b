"""Adam that divides by old gradients."""

import math

from .reference import of


@of("AdaShift")
def adashift(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-10,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
    n=10,
):
    """Zhou et al. 2019, algorithm 2, phi being nothing: v of gradients n steps old. https://arxiv.org/abs/1810.00143."""
    past, v = [], 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        decay = 1 - lr * weight_decay if decoupled_weight_decay else 1.0
        g += 0.0 if decoupled_weight_decay else weight_decay * theta
        past.append(g)
        theta *= decay
        if t > n:
            v = betas[1] * v + (1 - betas[1]) * past[-n - 1] ** 2
            weights = [betas[0] ** age for age in range(n)]
            m = math.fsum(weight * past[-1 - age] for age, weight in enumerate(weights)) / math.fsum(weights)
            theta -= lr * m / (math.sqrt(v / (1 - betas[1] ** (t - n))) + eps)
        yield theta
