"""Gradient descent from means of points along means of gradients."""

from .reference import of


@of("SRMM")
def srmm(theta, gradients, *, lr=1e-2, beta=0.5, memory_length=100, maximize=False):
    """Lyu 2022, https://arxiv.org/abs/2201.01652: weights n**-beta, the first of which is 1."""
    mean_grad, mean_theta = 0.0, 0.0
    for t, g in enumerate(gradients):
        g = -g if maximize else g
        n = 1 + (t % memory_length if memory_length else t)
        w = n**-beta
        mean_grad = (1 - w) * mean_grad + w * g
        mean_theta = (1 - w) * mean_theta + w * theta - lr * mean_grad
        theta = mean_theta
        yield theta
