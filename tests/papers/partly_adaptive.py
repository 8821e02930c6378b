"""Adam that divides less at first."""

import math

from .reference import of


@of("DualAdam")
def dual_adam(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, switch_rate=1e-2, maximize=False):
    """Shi, Chen, Jin & Zhou 2026, "Combining Adam and its Inverse Counterpart to Enhance Generalization".

    https://arxiv.org/abs/2603.07122. It has no decay here: with it, gradients as large as the tests' go to infinity.
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        alpha = max(0.0, 1 - t * switch_rate)
        adam, inverse = m_hat / (math.sqrt(v_hat) + eps), m_hat * math.sqrt(v_hat)
        theta -= lr * (alpha * inverse + (1 - alpha) * adam)
        yield theta


@of("SAdam")
def sadam(
    theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), smooth=50.0, weight_decay=0.0, amsgrad=False, maximize=False
):
    """Tong, Liang & Bi 2019, Sadam and SAMSGrad, https://arxiv.org/abs/1908.00700."""
    (beta1, beta2), m, v, v_max = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v, v_max)
        root = math.sqrt(v_max if amsgrad else v)
        divisor = math.log(math.exp(min(smooth * root, 700)) + 1) / smooth if smooth * root < 700 else root
        theta -= lr * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / divisor
        yield theta
