"""Steps divided by what the square of their direction is expected to be."""

import math

from .reference import of


@of("BCOS")
def bcos(
    theta,
    gradients,
    *,
    lr=1e-3,
    beta=0.9,
    mode="c",
    eps=1e-6,
    weight_decay=0.1,
    decoupled_weight_decay=True,
    maximize=False,
):
    """Jiang & Xiao 2025, "Stochastic Approximation with Block Coordinate Optimal Stepsizes".

    BCOS-g, BCOS-m and BCOS-c, whose means start at the first gradient, as the authors' do.
    https://arxiv.org/abs/2507.08963
    """
    m = v = None
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        last = g if m is None else m
        m = beta * last + (1 - beta) * g
        d = g if mode == "g" else m
        if mode == "c":
            v = (1 - (1 - beta) ** 2) * last**2 + (1 - beta) ** 2 * g**2
        else:
            v = beta * (g**2 if v is None else v) + (1 - beta) * d**2
        theta -= lr * d / (math.sqrt(v) + eps)
        yield theta
