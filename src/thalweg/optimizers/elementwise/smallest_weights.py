"""Fine-tuning of some weights, which are chosen by their size, and leaves all others as they are."""

from typing import Annotated

from ...formula import Copy, Unsigned, sqrt, where
from ...hyper import Betas, NonNegative, Whole
from ...optimizer import Optimizer

__all__ = ["SaRA"]


class SaRA(Optimizer):
    """AdamW on the weights that are smallest when training begins, for fine-tuning: all others keep their bits.

    Hu et al. 2024, "SaRA: High-efficient diffusion model fine-tuning with progressive sparse low-rank adaptation",
    sections 3.2 and 3.4, with AdamW as in the authors' code. https://arxiv.org/abs/2409.06633
    `threshold` is what a weight's absolute value must be below at the start, if it is to be trained and to decay.
    `progressive_iter` is the number of steps after which those that have grown to the threshold are left alone from
    there; with 0 none are. The paper's penalty of the rank is no part of it: add it to the loss. States are as large
    as the parameters, and weights that start at zero are all trained.
    Tune: lr 1e-3 * exp(-350 * threshold), as the authors do; progressive_iter half of the steps.
    """

    lr: NonNegative = 7e-4
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    threshold: NonNegative = 1e-3
    progressive_iter: Annotated[int, Whole(0)] = 0

    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, where they are trained"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, start: Copy):
        beta1, beta2 = self.betas
        if self.progressive_iter:
            has_grown = (self.step_count == self.progressive_iter + 1) & (abs(param) >= self.threshold)
            start = where(has_grown, param, start)
        is_trained = abs(start) < self.threshold
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        if self.weight_decay:
            param = where(is_trained, param * (1 - self.lr * self.weight_decay), param)
        step = self.lr * m_hat / (sqrt(v_hat) + self.eps)
        return where(is_trained, param - step, param), exp_avg, exp_avg_sq, start
