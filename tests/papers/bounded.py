"""Steps that are angles."""

import math

from .reference import of


@of("AdamAtan2")
def adam_atan2(theta, gradients, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, a=1.27, b=1.0, maximize=False):
    """Everett et al. 2024, "Scaling Exponents Across Parameterizations and Optimizers", section 4.3.

    https://arxiv.org/abs/2407.05872
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta *= 1 - lr * weight_decay
        theta -= lr * a * math.atan2(m / (1 - beta1**t), b * math.sqrt(v / (1 - beta2**t)))
        yield theta


@of("ADOPTAtan2")
def adopt_atan2(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.9999),
    weight_decay=0.0,
    a=4 / math.pi,
    b=1.0,
    maximize=False,
):
    """Taniguchi et al. 2024, algorithm 2, with the angle in place of the quotient. https://arxiv.org/abs/2411.02853."""
    (beta1, beta2), m, v = betas, 0.0, None
    for g in gradients:
        g = -g if maximize else g
        v = g * g if v is None else v
        m = beta1 * m + (1 - beta1) * math.atan2(g, b * math.sqrt(v))
        v = beta2 * v + (1 - beta2) * g * g
        theta *= 1 - lr * weight_decay
        theta -= lr * a * m
        yield theta
