"""Positive-negative momentum: each gradient goes to one of two means, in turn."""

import math

from .reference import of

SOURCE = "Xie, Yuan, Zhu & Sugiyama 2021, Positive-Negative Momentum, https://arxiv.org/abs/2103.17182"


@of("PNM")
def pnm(theta, gradients, *, lr=1e-3, momentum=0.9, beta0=1.0, weight_decay=0.0, maximize=False):
    """Algorithm 1."""
    m = [0.0, 0.0]
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        now, other = t % 2, (t + 1) % 2
        m[now] = momentum**2 * m[now] + (1 - momentum**2) * g
        norm = math.sqrt((1 + beta0) ** 2 + beta0**2)
        theta -= lr / norm * ((1 + beta0) * m[now] - beta0 * m[other])
        yield theta


@of("AdaPNM")
def adapnm(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    beta0=1.0,
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=True,
    maximize=False,
):
    """Algorithm 2."""
    (beta1, beta2), m, v, v_max = betas, [0.0, 0.0], 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        now, other = t % 2, (t + 1) % 2
        m[now] = beta1**2 * m[now] + (1 - beta1**2) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v, v_max)
        m_hat = ((1 + beta0) * m[now] - beta0 * m[other]) / (1 - beta1**t)
        v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
        norm = math.sqrt((1 + beta0) ** 2 + beta0**2)
        theta -= lr / (norm * (math.sqrt(v_hat) + eps)) * m_hat
        yield theta
