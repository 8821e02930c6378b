"""RMSProp that looks at how straight a weight goes."""

import math

from .reference import of


@of("AdaSmooth")
def adasmooth(theta, gradients, *, lr=1e-3, betas=(0.5, 0.99), eps=1e-6, weight_decay=0.0, maximize=False):
    """Lu 2022, with a window as long as the run. https://arxiv.org/abs/2204.00825."""
    (rho1, rho2), moved, way, e_g = betas, 0.0, 0.0, 0.0
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        c = (rho2 - rho1) * abs(moved) / (way + eps) + (1 - rho2)
        e_g = c * c * g * g + (1 - c * c) * e_g
        step = lr / math.sqrt(e_g + eps) * g
        theta, moved, way = theta - step, moved - step, way + abs(step)
        yield theta
