"""Adam with another second moment."""

import math

from .reference import of
from .signs import sign


# Where a gradient is as expected, what is left of its difference from the mean is rounding, and is divided by.
@of("AdaBelief", tolerance=1e-9)
def adabelief(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-16,
    weight_decay=0.0,
    rectify=False,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Divide by how far gradients are from their mean.

    Zhuang et al. 2020, "AdaBelief Optimizer", algorithm 2, https://arxiv.org/abs/2010.07468; rectified, as the authors'
    code does it: as RAdam, from a rho of 5 on.
    """
    (beta1, beta2), m, s = betas, 0.0, 0.0
    rho_inf = 2 / (1 - beta2) - 1
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
        m_hat, correction = m / (1 - beta1**t), 1 - beta2**t
        rho = rho_inf - 2 * t * beta2**t / correction
        if not rectify:
            theta -= lr * m_hat / (math.sqrt(s / correction) + eps)
        elif rho >= 5:
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta -= lr * r * m_hat * math.sqrt(correction) / (math.sqrt(s) + eps)
        else:
            theta -= lr * m_hat
        yield theta


@of("Yogi")
def yogi(
    theta,
    gradients,
    *,
    lr=1e-2,
    betas=(0.9, 0.999),
    eps=1e-3,
    weight_decay=0.0,
    initial_accumulator=1e-6,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Move the second moment by a share of the square, whatever it is.

    Zaheer, Reddi, Sachan, Kale & Kumar 2018, "Adaptive Methods for Nonconvex Optimization", algorithm 2, and Adam's
    bias corrections. https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
    """
    (beta1, beta2), m, v = betas, initial_accumulator, initial_accumulator
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v -= (1 - beta2) * sign(v - g * g) * g * g
        theta -= lr * m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield theta


# As of AdaBelief, what is divided by may be rounding.
@of("ACProp", tolerance=1e-9)
def acprop(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-16, weight_decay=0.0, maximize=False):
    """Divide by what was known before.

    Zhuang, Ding, Tang, Dvornek, Tatikonda & Duncan 2021, "Momentum Centering and Asynchronous Update for Adaptive
    Gradient Methods"; the first step, and the bias correction, are optax's. https://arxiv.org/abs/2110.05454
    """
    (beta1, beta2), m, s = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        root = math.sqrt(s / (1 - beta2 ** (t - 1))) if t > 1 else 1.0
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
        theta -= lr * g / (root + eps)
        yield theta
