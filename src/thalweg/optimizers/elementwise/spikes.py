"""Adam that gradients a thousand times as large as usual cannot throw off: they are cut, and soon forgotten."""

from math import pi
from typing import Annotated

from ...formula import Unsigned, cos, floor, sign, sqrt, where
from ...hyper import Betas, Count, NonNegative, Whole
from ...optimizer import Optimizer

__all__ = ["SPAM"]

SHARE = 0.99
"""By how much the first steps after a reset are shorter, as in the authors' code."""


class SPAM(Optimizer):
    """Adam that cuts gradients far above their mean square, and forgets its moments every few hundred steps.

    Huang et al. 2025, "SPAM: Spike-aware Adam with momentum reset for stable LLM training", algorithm 1 with all
    momenta (density 1), in the details as in the authors' code. https://arxiv.org/abs/2501.06842
    `threshold` is the largest ratio of a squared gradient to its mean square; larger ones are cut to it, and 0 cuts
    none. `interval` is the number of steps after which the moments start anew, without a new bias correction; `warmup`
    is the number of steps after that in which steps grow from nearly nothing, along a cosine; `patience` is the number
    of those in which nothing is cut.
    Tune: as AdamW; the defaults are the paper's for pretraining.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0
    threshold: NonNegative = 5000.0
    interval: Count = 500
    warmup: Annotated[int, Whole(0)] = 150
    patience: Annotated[int, Whole(0)] = 20

    spellings = {"update_proj_gap": "interval", "warmup_epoch": "warmup", "grad_accu_steps": "patience"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        since = self.step_count - floor(self.step_count / self.interval) * self.interval
        exp_avg = where(since == 0, 0.0, exp_avg)
        exp_avg_sq = where(since == 0, 0.0, exp_avg_sq)
        if self.threshold:
            largest = self.threshold * exp_avg_sq
            is_spike = (grad * grad > largest) & (since >= self.patience)
            grad = where(is_spike, sign(grad) * sqrt(largest), grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        step = size * self.warmth(since) * exp_avg / (sqrt(exp_avg_sq) + self.eps)
        return (param - step) * (1 - self.lr * self.weight_decay), exp_avg, exp_avg_sq

    def warmth(self, since):
        """Give the share of a step that is taken: all of it before the first reset."""
        share = 1 - SHARE * (1 + cos(pi * (since + 1) / (self.warmup + 1))) / 2
        is_warm = (self.step_count < self.interval) | (since >= self.warmup)
        return where(is_warm, 1, share)
