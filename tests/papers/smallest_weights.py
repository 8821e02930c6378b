"""AdamW on the weights that were small."""

import math

from .reference import of


@of("SaRA")
def sara(
    theta,
    gradients,
    *,
    lr=7e-4,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=1e-2,
    threshold=1e-3,
    progressive_iter=0,
    maximize=False,
):
    """Hu et al. 2024, sections 3.2 and 3.4, with AdamW. https://arxiv.org/abs/2409.06633."""
    (beta1, beta2), m, v = betas, 0.0, 0.0
    is_trained = abs(theta) < threshold
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if t == progressive_iter + 1 > 1:
            is_trained = is_trained and abs(theta) < threshold
        if is_trained:
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
            theta -= lr * weight_decay * theta
            theta -= lr * m_hat / (math.sqrt(v_hat) + eps)
        yield theta
