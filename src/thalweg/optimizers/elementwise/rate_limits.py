"""Adam whose rates, one for each weight, are kept from becoming extreme."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Scalar, Unsigned, clamp, maximum, minimum, sqrt, where
from ...hyper import Betas, NonNegative, Positive, ThreeBetas
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AMSBound", "AdaBound", "AdaMod"]


class AdaBound(Optimizer):
    """Adam whose rates are held between two bounds that close in on one rate: it begins as Adam, and ends as SGD.

    Luo et al. 2019, "Adaptive gradient methods with dynamic bound of learning rate", algorithm 2, as in the authors'
    code: with Adam's bias corrections, eps beside the uncorrected root, and no division by the root of the step count,
    which the proof needs. https://openreview.net/forum?id=Bkg3g2R9FX
    `final_lr` is the rate at the end, and `gamma` says how fast the bounds close in on it: the upper one is
    final_lr * (1 + 1 / (gamma * step)). A gamma of 0 has no bounds. A schedule of lr scales final_lr too, which belongs
    to the rate `base_lr`; None takes the largest lr so far. `amsgrad` divides by the largest mean square so far.
    Tune: lr as for Adam, and final_lr 0.1, or the rate that SGD would have.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    final_lr: NonNegative = 1e-1
    gamma: NonNegative = 1e-3
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    amsgrad: bool = False
    base_lr: Positive | None = None

    spellings = {"amsbound": "amsgrad"}

    def update(self, param, grad, largest_lr: Scalar, exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        largest = exp_avg_sq
        if self.amsgrad:
            max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            largest = max_exp_avg_sq
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        rate = size / (sqrt(largest) + self.eps)
        if self.gamma:
            base = self.base_lr
            if base is None:
                largest_lr = maximum(largest_lr, self.lr)
                base = largest_lr
            final = self.final_lr * where(base > 0, self.lr / base, 0)
            closeness = self.gamma * self.step_count
            rate = clamp(rate, final * (1 - 1 / (closeness + 1)), final * (1 + 1 / closeness))
        return param - rate * exp_avg, largest_lr, exp_avg, exp_avg_sq, max_exp_avg_sq


class AMSBound(AdaBound):
    """AdaBound that divides by the largest mean square so far.

    Luo et al. 2019, "Adaptive gradient methods with dynamic bound of learning rate", algorithm 3.
    https://openreview.net/forum?id=Bkg3g2R9FX
    """

    _: KW_ONLY
    amsgrad: Literal[True] = True


class AdaMod(Optimizer):
    """Adam whose rates are no larger than their own running mean, so that none jumps up.

    Ding et al. 2019, "An adaptive and momental bound method for stochastic learning", algorithm 1.
    https://arxiv.org/abs/1910.12249
    `betas[2]` is the share of the old mean rate that stays in each step; the mean starts at zero, which is a warm-up.
    Tune: lr as for Adam, without a warm-up, and betas[2] 0.999 or 0.9999.
    """

    lr: NonNegative = 1e-3
    betas: ThreeBetas = (0.9, 0.999, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, exp_avg_lr: Unsigned):
        beta1, beta2, beta3 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        rate = self.lr / (sqrt(v_hat) + self.eps)
        exp_avg_lr = beta3 * exp_avg_lr + (1 - beta3) * rate
        return param - minimum(rate, exp_avg_lr) * m_hat, exp_avg, exp_avg_sq, exp_avg_lr
