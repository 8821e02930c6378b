"""Gradients that are corrected by their last change."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Unsigned, maximum, sqrt, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .trust_ratio import norm

__all__ = ["MARS"]


class MARS(Optimizer):
    """AdamW on gradients that are corrected by their last change, which reduces their noise.

    Yuan et al. 2024, "MARS: Unleashing the power of variance reduction for training large models", algorithm 2 with the
    gradient of the last batch, as in the authors' code. https://arxiv.org/abs/2411.10438
    `gamma` is the share of the correction; a corrected gradient is shortened to a norm of 1.
    Tune: lr from 3e-3 to 6e-3 for matrices; the authors leave vectors to AdamW.
    """

    lr: NonNegative = 3e-3
    betas: Betas = (0.95, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    gamma: NonNegative = 0.025
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, prev):
        beta1, beta2 = self.betas
        change = where(self.is_first_step, 0 * grad, grad - prev)
        corrected = grad + self.gamma * (beta1 / (1 - beta1)) * change
        corrected = corrected / maximum(norm(corrected), 1)
        exp_avg = beta1 * exp_avg + (1 - beta1) * corrected
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * corrected * corrected
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, grad
