"""Adam with corrections that cross over."""

import math

from .reference import of


@of("EXAdam")
def exadam(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    """Adly 2024, "EXAdam: The Power of Adaptive Cross-Moments", algorithm 1. https://arxiv.org/abs/2412.20302."""
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_tilde = m / (1 - beta1**t) * (1 + v / (v + eps) * beta2**t)
        v_tilde = v / (1 - beta2**t) * (1 + m * m / (m * m + eps) * beta1**t)
        g_tilde = g / (1 - beta1**t) * (1 + v / (v + eps) * beta2**t)
        theta -= lr * (m_tilde + g_tilde) / (math.sqrt(v_tilde) + eps)
        yield theta
