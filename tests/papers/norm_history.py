"""Adam on gradients whose norm is compared with earlier ones: lists of numbers."""

import math

from .reference import of_a_parameter
from .whole_parameters import length, mean, squares


def adams_step(m, v, betas, t, eps):
    return [a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps) for a, b in zip(m, v, strict=True)]


@of_a_parameter("AdaNorm", {"lr": 0.1, "betas": (0.5, 0.75), "r": 0.3}, {"weight_decay": 0.1})
def adanorm(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, r=0.95):
    """Dubey, Singh & Chaudhuri 2023, algorithm 2. https://arxiv.org/abs/2210.06364."""
    m, v, e = [0.0] * len(w), [0.0] * len(w), 0.0
    for t, g in enumerate(gradients, 1):
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        norm = length(g)
        e = r * e + (1 - r) * norm
        s = [e / norm * a for a in g] if e > norm else g
        m, v = mean(m, betas[0], s), mean(v, betas[1], squares(g))
        w = [x - lr * d for x, d in zip(w, adams_step(m, v, betas, t, eps), strict=True)]
        yield w


@of_a_parameter(
    "AdaGC", {"lr": 0.1, "warmup_steps": 3, "lambda_rel": 0.7, "beta": 0.5, "lambda_abs": 0.5}, {"warmup_steps": 0}
)
def adagc(
    w,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.1,
    beta=0.98,
    lambda_abs=1.0,
    lambda_rel=1.05,
    warmup_steps=100,
):
    """Wang et al. 2025, algorithm 1, where all parameters are one. https://arxiv.org/abs/2502.11034."""
    m, v, gamma = [0.0] * len(w), [0.0] * len(w), math.inf
    for t, g in enumerate(gradients, 1):
        norm = length(g)
        is_warming_up = t < warmup_steps or t == 1
        h = min((lambda_abs if is_warming_up else lambda_rel * gamma) / norm, 1.0)
        g = [h * a for a in g]
        gamma = min(gamma, length(g)) if is_warming_up else beta * gamma + (1 - beta) * length(g)
        m, v = mean(m, betas[0], g), mean(v, betas[1], squares(g))
        step = adams_step(m, v, betas, t, eps)
        w = [x - lr * weight_decay * x - lr * d for x, d in zip(w, step, strict=True)]
        yield w
