"""Adam whose steps are bounded by an angle, and need no eps."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Unsigned, atan2, sqrt
from ...hyper import Betas, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["AdamAtan2"]


class AdamAtan2(Optimizer):
    """Adam with an arc tangent in place of the division: the scale of gradients does not matter at all.

    Everett et al. 2024, "Scaling exponents across parameterizations and optimizers", section 4.3.
    https://arxiv.org/abs/2407.05872
    A step is lr * a * atan2(m, b * sqrt(v)): its size is at most lr * a * pi / 2.
    Tune: as AdamW; with `a` of 1.27, which is 4 / pi, gradients that never change lead to steps of lr, as in Adam.
    """

    lr: NonNegative = 1e-4
    betas: Betas = (0.9, 0.99)
    weight_decay: NonNegative = 0
    a: NonNegative = 1.27
    b: Positive = 1.0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * self.a * atan2(m_hat, self.b * sqrt(v_hat)), exp_avg, exp_avg_sq
