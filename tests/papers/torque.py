"""Momentum and the angle of each gradient with it."""

import math

from .reference import of_a_parameter
from .whole_parameters import length


@of_a_parameter("TAM", {"lr": 0.1, "momentum": 0.5, "decay_rate": 0.3}, {"weight_decay": 0.1, "eps": 0.1})
def tam(w, gradients, lr=1e-3, momentum=0.9, decay_rate=0.9, eps=1e-8, weight_decay=0.0):
    """Malviya et al. 2024, equations 2 to 4. https://arxiv.org/abs/2412.18790."""
    m, s_hat = [0.0] * len(w), 0.0
    for g in gradients:
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        lengths = length(m) * length(g)
        s = math.fsum(a * b for a, b in zip(m, g, strict=True)) / lengths if lengths else 0.0
        s_hat = decay_rate * s_hat + (1 - decay_rate) * s
        d = (1 + s_hat) / 2
        m = [momentum * a + (eps + d) * b for a, b in zip(m, g, strict=True)]
        w = [x - lr * a for x, a in zip(w, m, strict=True)]
        yield w


@of_a_parameter("AdaTAM", {"lr": 0.1, "betas": (0.5, 0.75), "decay_rate": 0.3}, {"weight_decay": 0.1, "eps": 0.1})
def adatam(w, gradients, lr=1e-3, betas=(0.9, 0.999), decay_rate=0.9, eps=1e-8, weight_decay=0.0):
    """The same, AdaTAM: the momentum is TAM's, the mean square that of Adam without corrections."""
    m, v, s_hat = [0.0] * len(w), [0.0] * len(w), 0.0
    for g in gradients:
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        lengths = length(m) * length(g)
        s = math.fsum(a * b for a, b in zip(m, g, strict=True)) / lengths if lengths else 0.0
        s_hat = decay_rate * s_hat + (1 - decay_rate) * s
        m = [betas[0] * a + (eps + (1 + s_hat) / 2) * b for a, b in zip(m, g, strict=True)]
        v = [betas[1] * a + (1 - betas[1]) * b * b for a, b in zip(v, g, strict=True)]
        w = [x - lr * a / (math.sqrt(b) + eps) for x, a, b in zip(w, m, v, strict=True)]
        yield w
