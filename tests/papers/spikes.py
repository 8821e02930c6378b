"""Gradients that are cut, and moments that are forgotten."""

import math

from .reference import of


@of("SPAM")
def spam(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-6,
    weight_decay=0.0,
    threshold=5000.0,
    interval=500,
    warmup=150,
    patience=20,
    maximize=False,
):
    """Huang et al. 2025, algorithm 1 with density 1, https://arxiv.org/abs/2501.06842; warm-ups as in their code."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        since = t % interval
        if since == 0:
            m = v = 0.0
        if threshold and since >= patience and g * g > threshold * v:
            g = math.copysign(math.sqrt(threshold * v), g)
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        share = 1.0
        if t >= interval and since < warmup:
            share -= 0.99 * (1 + math.cos(math.pi * (since + 1) / (warmup + 1))) / 2
        m_hat, v_root = m / (1 - betas[0] ** t), math.sqrt(v) / math.sqrt(1 - betas[1] ** t)
        # Their eps is added before the correction.
        theta -= lr * share * m_hat / (v_root + eps / math.sqrt(1 - betas[1] ** t))
        theta *= 1 - lr * weight_decay
        yield theta
