"""Momentum with variance adaptation."""

from .reference import of


@of("MSVAG")
def msvag(theta, gradients, *, lr=1e-2, beta=0.9, weight_decay=0.0, maximize=False):
    """Balles & Hennig 2018, "Dissecting Adam", algorithm 2 and equation 25; rho is at most 0.999, as in their code.

    https://arxiv.org/abs/1705.07774
    """
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta * m + (1 - beta) * g
        v = beta * v + (1 - beta) * g * g
        mean, square = m / (1 - beta**t), v / (1 - beta**t)
        rho = min((1 - beta) * (1 + beta**t) / ((1 + beta) * (1 - beta**t)), 0.999)
        s = max(square - mean**2, 0.0) / (1 - rho)
        if mean**2:
            theta -= lr * mean**2 / (mean**2 + rho * s) * mean
        yield theta
