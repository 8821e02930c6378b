"""Means of points in place of schedules: x is the mean, z the fast point, and y where gradients are taken."""

import math

from .reference import of


def free(theta, gradients, beta, r, power, rate, direction):
    """The loop of all three: `rate` is lr at a step, `direction` what a gradient becomes."""
    z = x = y = theta
    largest, total = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        lr = rate(t)
        step = direction(t, g, y)
        largest = max(largest, lr)
        weight = t**r * largest**power
        total += weight
        c = weight / total if total else 0.0
        z -= lr * step
        x = (1 - c) * x + c * z
        y = (1 - beta) * z + beta * x
        yield y


@of("ScheduleFreeSGD")
def sgd(
    theta,
    gradients,
    *,
    lr=1.0,
    momentum=0.9,
    weight_decay=0.0,
    warmup_steps=0,
    r=0.0,
    weight_lr_power=2.0,
    maximize=False,
):
    """Defazio et al. 2024, "The Road Less Scheduled", equations 1 to 3. https://arxiv.org/abs/2405.15682."""

    def rate(t):
        return lr * min(t / warmup_steps, 1.0) if warmup_steps else lr

    def direction(t, g, y):
        return (-g if maximize else g) + weight_decay * y

    return free(theta, gradients, momentum, r, weight_lr_power, rate, direction)


@of("ScheduleFreeAdamW")
def adamw(
    theta,
    gradients,
    *,
    lr=2.5e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    warmup_steps=0,
    r=0.0,
    weight_lr_power=2.0,
    maximize=False,
):
    """The same, algorithm 1; decay is taken at y, after the division."""
    v = [0.0]

    def rate(t):
        return lr * min(t / warmup_steps, 1.0) if warmup_steps else lr

    def direction(t, g, y):
        g = -g if maximize else g
        v[0] = betas[1] * v[0] + (1 - betas[1]) * g * g
        return g / (math.sqrt(v[0] / (1 - betas[1] ** t)) + eps) + weight_decay * y

    return free(theta, gradients, betas[0], r, weight_lr_power, rate, direction)


@of("ScheduleFreeRAdam")
def radam(
    theta,
    gradients,
    *,
    lr=2.5e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    r=0.0,
    weight_lr_power=2.0,
    silent_sgd_phase=True,
    maximize=False,
):
    """The same with RAdam's factor, from a rho of 4 on."""
    v, rho_inf = [0.0], 2 / (1 - betas[1]) - 1

    def rho(t):
        return rho_inf - 2 * t * betas[1] ** t / (1 - betas[1] ** t)

    def rate(t):
        if rho(t) <= 4:
            return 0.0 if silent_sgd_phase else lr
        return lr * math.sqrt((rho(t) - 4) * (rho(t) - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho(t)))

    def direction(t, g, y):
        g = -g if maximize else g
        v[0] = betas[1] * v[0] + (1 - betas[1]) * g * g
        divided = g / (math.sqrt(v[0] / (1 - betas[1] ** t)) + eps) if rho(t) > 4 else g
        return divided + weight_decay * y

    return free(theta, gradients, betas[0], r, weight_lr_power, rate, direction)


@of("GPAAdamW")
def gpa_adamw(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    mu_y=0.7,
    mu_x=0.9967,
    maximize=False,
):
    """Generalized primal averaging around AdamW: Defazio et al. 2025, https://arxiv.org/abs/2512.17131, algorithm 1."""
    m = v = 0.0
    x = y = z = theta
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        z -= lr * (m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + eps) + weight_decay * y)
        x = mu_x * x + (1 - mu_x) * z
        y = mu_y * x + (1 - mu_y) * z
        yield y
