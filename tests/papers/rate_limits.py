"""Adam with limits for the rate of each number."""

import math

from .reference import of


@of("AdaBound")
def adabound(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    final_lr=0.1,
    gamma=1e-3,
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    maximize=False,
):
    """Luo, Xiong, Liu & Sun 2019, "Adaptive Gradient Methods with Dynamic Bound of Learning Rate", algorithms 2 and 3.

    The bounds are those of section 4 with 1 - beta2 called gamma; bias corrections, the place of eps, and that a
    schedule scales the final rate are the authors' code's. https://openreview.net/forum?id=Bkg3g2R9FX
    """
    (beta1, beta2), m, v, v_max = betas, 0.0, 0.0, 0.0
    final = final_lr if lr else 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v_max, v)
        low, high = (final - final / (gamma * t + 1), final + final / (gamma * t)) if gamma else (0.0, math.inf)
        alpha = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        root = math.sqrt(v_max if amsgrad else v) + eps
        # without a gradient so far, and without eps, the rate is infinite, and the bound is taken
        rate = alpha / root if root or not alpha else math.inf
        theta -= min(max(rate, low), high) * m
        yield theta


@of("AMSBound")
def amsbound(theta, gradients, **options):
    """AdaBound with the largest second moment: algorithm 3."""
    return adabound(theta, gradients, **{**options, "amsgrad": True})


@of("AdaMod")
def adamod(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    """Ding, Ren, Luo & Sun 2019, "An Adaptive and Momental Bound Method for Stochastic Learning", algorithm 1.

    https://arxiv.org/abs/1910.12249
    """
    (beta1, beta2, beta3), m, v, s = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        eta = lr / (math.sqrt(v / (1 - beta2**t)) + eps)
        s = beta3 * s + (1 - beta3) * eta
        theta -= min(eta, s) * m / (1 - beta1**t)
        yield theta
