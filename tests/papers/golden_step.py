"""Adam whose numerator is a power of the mean square."""

import math

from .reference import of


@of("AdamG")
def adamg(
    theta, gradients, *, lr=1.0, betas=(0.95, 0.999, 0.95), eps=1e-8, weight_decay=0.0, p=0.2, q=0.24, maximize=False
):
    """Pang, Yu, Hoang & Zhou 2024, AdamG, https://arxiv.org/abs/2405.04376."""
    (beta1, beta2, beta3), m, v, r = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        v = beta2 * v + (1 - beta2) * g * g
        r = beta3 * r + (1 - beta3) * p * v**q
        m = beta1 * m + (1 - beta1) * r * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta -= min(lr, 1 / math.sqrt(t)) * m_hat / (math.sqrt(v_hat) + eps)
        yield theta
