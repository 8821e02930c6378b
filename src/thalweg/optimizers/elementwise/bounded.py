"""Adam whose steps are bounded by an angle, and need no eps."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Unsigned, atan2, sqrt, where
from ...hyper import Betas, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["ADOPTAtan2", "AdamAtan2"]


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


class ADOPTAtan2(Optimizer):
    """ADOPT with an arc tangent in place of the division: its first step is one, and needs no bound and no eps.

    Taniguchi et al. 2024, "ADOPT: Modified Adam can converge with any beta2 with the optimal rate", algorithm 2,
    https://arxiv.org/abs/2411.02853, with the arc tangent of Everett et al. 2024, https://arxiv.org/abs/2407.05872, as
    OneTrainer's package adv_optm joins the two.
    Each gradient is replaced by the arc tangent of its ratio to the root mean square of those before it; the mean of
    these angles is the step. `a` is a factor of the step: with 4 / pi, a gradient that never changes leads to steps of
    lr.
    Tune: as ADOPT.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.9999)
    weight_decay: NonNegative = 0
    a: NonNegative = 1.2732395447351628
    b: Positive = 1.0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        before = where(self.is_first_step, grad * grad, exp_avg_sq)
        exp_avg = beta1 * exp_avg + (1 - beta1) * atan2(grad, self.b * sqrt(before))
        exp_avg_sq = beta2 * before + (1 - beta2) * grad * grad
        return param - self.lr * self.a * exp_avg, exp_avg, exp_avg_sq
