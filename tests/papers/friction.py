"""Adam with a friction coefficient."""

import math

from .reference import of


@of("DiffGrad")
def diffgrad(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    """Dubey, Chakraborty, Roy, Mukherjee, Singh & Chaudhuri 2020, "diffGrad", equations 6 to 11.

    https://arxiv.org/abs/1909.11015
    """
    (beta1, beta2), m, v, before = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        xi = 1 / (1 + math.exp(-abs(before - g)))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= lr * xi * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        before = g
        yield theta
