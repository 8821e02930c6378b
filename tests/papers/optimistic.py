"""Steps that expect the next gradient to be as the last one."""

import math

from .reference import of


@of("OptimisticGradientDescent")
def ogd(theta, gradients, *, lr=1e-2, alpha=1.0, beta=1.0, weight_decay=0.0, maximize=False):
    """Mokhtari, Ozdaglar & Pattathil 2020, "A Unified Analysis of Extra-gradient and Optimistic Gradient Methods".

    There x_{-1} is x_0: the first gradient has not changed. https://arxiv.org/abs/1901.08511
    Where alpha = beta, it is equation 5 of Daskalakis et al. 2018. https://arxiv.org/abs/1711.00141
    """
    before = None
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        before = g if before is None else before
        theta -= lr * (alpha * g + beta * (g - before))
        before = g
        yield theta


@of("OptimisticAdam")
def optimistic_adam(
    theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, optimism=1.0, maximize=False
):
    """Daskalakis, Ilyas, Syrgkanis & Zeng 2018, "Training GANs with Optimism", algorithm 1, where optimism is 1.

    https://arxiv.org/abs/1711.00141
    """
    (beta1, beta2), m, v, before = betas, 0.0, 0.0, None
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        direction = m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        before = direction if before is None else before
        theta -= lr * direction + lr * optimism * (direction - before)
        before = direction
        yield theta
