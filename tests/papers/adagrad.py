"""Step sizes from all the gradients so far, and what became of the idea."""

import math


def adagrad(
    theta,
    gradients,
    *,
    lr=1e-2,
    lr_decay=0.0,
    weight_decay=0.0,
    initial_accumulator_value=0.0,
    eps=1e-10,
    maximize=False,
):
    """Adagrad with a diagonal matrix.

    Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", figure 1, the mirror descent without a regularizer; lr_decay is torch's.
    https://jmlr.org/papers/v12/duchi11a.html
    """
    s = initial_accumulator_value
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        s += g * g
        theta -= lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s) + eps)
        yield theta


def adadelta(theta, gradients, *, rho=0.9, eps=1e-6, weight_decay=0.0, lr=1.0, maximize=False):
    """AdaDelta, whose steps have the unit of theta.

    Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", algorithm 1; lr is torch's, and does not enter
    the average of the steps. https://arxiv.org/abs/1212.5701
    """
    v = u = 0.0  # E[g²] and E[Δx²]
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        v = rho * v + (1 - rho) * g * g
        dx = -math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * dx * dx
        theta += lr * dx
        yield theta
