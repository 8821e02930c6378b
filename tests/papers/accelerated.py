"""Accelerated descent: a fast point, the mean of its places, and where gradients are taken between the two."""

import math

from .reference import of


def accelerated(theta, gradients, lr, lips, beta, root_of_deviations):
    """Deng, Cheng & Lan 2018, algorithm 1, https://arxiv.org/abs/1810.00553: alpha_k = 2/(k+2), gamma_k = 2L/(k+1)."""
    x = mean_of_points = theta
    seen = []
    for k, g in enumerate(gradients):
        seen.append(g)
        h = root_of_deviations(k, g - math.fsum(seen) / (k + 1))
        x = x - lr * g / (2 * lips / (k + 1) + beta * h)
        mean_of_points = (1 - 2 / (k + 2)) * mean_of_points + 2 / (k + 2) * x
        alpha = 2 / (k + 3)
        yield (1 - alpha) * mean_of_points + alpha * x


@of("A2Grad")
def a2grad(theta, gradients, *, lr=1.0, lips=10.0, beta=10.0, incremental=False, maximize=False):
    """The same, A2Grad-uni, and A2Grad-inc."""
    v = [0.0]

    def root(k, delta):
        v[0] = (k**2 / (k + 1) ** 2 * v[0] if incremental else v[0]) + delta**2
        return math.sqrt(v[0])

    return accelerated(theta, [-g if maximize else g for g in gradients], lr, lips, beta, root)


@of("A2GradExp")
def a2grad_exp(theta, gradients, *, lr=1.0, lips=10.0, beta=10.0, rho=0.5, maximize=False):
    """The same, A2Grad-exp: the first deviation is zero, so that its mean may start at zero."""
    v = [0.0, 0.0]

    def root(k, delta):
        v[0] = rho * v[0] + (1 - rho) * delta**2
        v[1] = max(v[1], v[0])
        return math.sqrt((k + 1) * v[1])

    return accelerated(theta, [-g if maximize else g for g in gradients], lr, lips, beta, root)
