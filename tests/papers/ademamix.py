"""Two means of gradients, one of them very slow."""

import math

from .reference import of


def of_half_life(share, start, end):
    """The decay with a half-life on the way from one to another."""
    if share >= 1:
        return end
    lives = [0.0 if beta == 0 else math.log(0.5) / math.log(beta) for beta in (start, end)]
    life = (1 - share) * lives[0] + share * lives[1]
    return 0.5 ** (1 / life) if life else 0.0


@of("AdEMAMix")
def ademamix(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999, 0.9999),
    eps=1e-8,
    weight_decay=0.0,
    alpha=5.0,
    t_alpha=None,
    t_beta3=None,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Pagliardini, Ablin & Grangier 2024, "The AdEMAMix Optimizer: Better, Faster, Older", algorithm 1.

    https://arxiv.org/abs/2409.03137; beta3's warm-up is linear in the half-life, as in appendix A.
    """
    (beta1, beta2, beta3), m1, m2, v = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        share = alpha * min(t / t_alpha, 1) if t_alpha else alpha
        slow = of_half_life(t / t_beta3, beta1, beta3) if t_beta3 else beta3
        m1 = beta1 * m1 + (1 - beta1) * g
        m2 = slow * m2 + (1 - slow) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= lr * (m1 / (1 - beta1**t) + share * m2) / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield theta


@of("SimplifiedAdEMAMix")
def simplified_ademamix(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9999, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    alpha=2.0,
    beta1_warmup=None,
    min_beta1=0.9,
    decoupled_weight_decay=False,
    maximize=False,
):
    """A sum of gradients that forgets, and the newest one.

    Morwani et al. 2025, "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants".
    https://arxiv.org/abs/2502.02431
    """
    (end, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        beta1 = of_half_life(t / beta1_warmup, min_beta1, end) if beta1_warmup else end
        m = beta1 * m + g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m * (1 - beta1) / (1 - beta1**t)
        theta -= lr * (alpha * g + m_hat) / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield theta
