"""More than one memory of gradients, and shares of the newest one."""

import math

from .reference import of


@of("AggMo")
def aggmo(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.0, 0.9, 0.99),
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """A velocity for each beta, and their mean as the step.

    Lucas, Sun, Zemel & Grosse 2019, "Aggregated Momentum: Stability Through Passive Damping", section 3.
    https://arxiv.org/abs/1804.00325
    """
    velocities = [0.0] * len(betas)
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        velocities = [beta * v - g for beta, v in zip(betas, velocities, strict=True)]
        theta += lr / len(betas) * sum(velocities)
        yield theta


@of("PID")
def pid(
    theta,
    gradients,
    *,
    lr=1e-3,
    momentum=0.9,
    dampening=0.0,
    derivative=10.0,
    integral=5.0,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Proportional, integral and derivative terms of the gradient; the first one has not changed.

    An, Wang, Sun, Xu, Dai & Zhang 2018, "A PID Controller Approach for Stochastic Optimization of Deep Networks".
    """
    i, d, last = 0.0, 0.0, None
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        i = momentum * i + (1 - dampening) * g
        d = momentum * d + (1 - momentum) * (0.0 if last is None else g - last)
        theta -= lr * (g + integral * i + derivative * d)
        last = g
        yield theta


@of("QHM")
def qhm(
    theta,
    gradients,
    *,
    lr=1e-3,
    momentum=0.999,
    nu=0.7,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Ma & Yarats 2019, "Quasi-hyperbolic momentum and Adam for deep learning", equations 3 and 4.

    https://arxiv.org/abs/1810.06801
    """
    buffer = 0.0
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        buffer = momentum * buffer + (1 - momentum) * g
        theta -= lr * ((1 - nu) * g + nu * buffer)
        yield theta


@of("QHAdam")
def qhadam(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    nus=(0.7, 1.0),
    eps=1e-8,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """The same paper, section 4."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        step = (1 - nus[0]) * g + nus[0] * m_hat
        theta -= lr * step / (math.sqrt((1 - nus[1]) * g * g + nus[1] * v_hat) + eps)
        yield theta


@of("Padam")
def padam(
    theta,
    gradients,
    *,
    lr=1e-1,
    betas=(0.9, 0.999),
    partial=0.125,
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=True,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Partially adaptive momentum: the p-th power of the largest mean square.

    Chen, Zhou, Tang, Yang, Cao & Gu 2018, "Closing the Generalization Gap of Adaptive Gradient Methods in Training Deep
    Neural Networks", algorithm 1, https://arxiv.org/abs/1806.06763, with the corrections and eps of the authors' code.
    """
    m = v = largest = 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = max(largest, v) if amsgrad else v
        size = lr * math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
        theta -= size * m / (math.sqrt(largest) + eps) ** (2 * partial)
        yield theta


@of("AccSGD")
def accsgd(
    theta,
    gradients,
    *,
    lr=1e-3,
    kappa=1000.0,
    xi=10.0,
    small_const=0.7,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Kidambi, Netrapalli, Jain & Kakade 2018, algorithm 1, https://arxiv.org/abs/1803.05591."""
    average, alpha = theta, 1 - small_const**2 * xi / kappa
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        average = alpha * average + (1 - alpha) * (theta - kappa * lr / small_const * g)
        total = small_const + 1 - alpha
        theta = small_const / total * (theta - lr * g) + (1 - alpha) / total * average
        yield theta
