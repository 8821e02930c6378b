"""Natural gradients with a diagonal Fisher information."""

import math

from .reference import of_a_parameter
from .whole_parameters import length, mean, squares


@of_a_parameter("FAdam", {"lr": 0.1, "betas": (0.5, 0.75), "clip": 0.3}, {"eps": 1.0}, {"weight_decay": 0.0})
def fadam(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, clip=1.0, eps_2=1e-2):
    """Hwang 2024, algorithm 1 with p = 1/2. https://arxiv.org/abs/2405.12807."""
    m, f = [0.0] * len(w), [1.0] * len(w)
    for t, g in enumerate(gradients, 1):
        beta2 = betas[1] * (1 - betas[1] ** (t - 1)) / (1 - betas[1] ** t)
        f = mean(f, beta2, squares(g))
        root = [math.sqrt(a) + min(eps, eps_2 * rms(g)) for a in f]
        m = mean(m, betas[0], clipped([a / b for a, b in zip(g, root, strict=True)], clip))
        decay = clipped([x / b for x, b in zip(w, root, strict=True)], clip)
        w = [x - lr * (a + weight_decay * d) for x, a, d in zip(w, m, decay, strict=True)]
        yield w


def rms(x):
    return length(x) / math.sqrt(len(x))


def clipped(x, clip):
    return [a / max(1.0, rms(x) / clip) for a in x]
