"""Adam whose two running means correct each other."""

from ...formula import Unsigned, sqrt
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["EXAdam"]


class EXAdam(Optimizer):
    """Adam that adds the newest gradient to its mean, and whose first corrections look at both means.

    Adly 2024, "EXAdam: The power of adaptive cross-moments", algorithm 1. https://arxiv.org/abs/2412.20302
    The corrections fade as Adam's do; what stays is the newest gradient, which counts as much as the mean.
    Tune: as Adam, lr about half as large, since steps are the sum of two.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        left1, left2 = beta1**self.step_count, beta2**self.step_count
        square = exp_avg * exp_avg
        first = (1 + exp_avg_sq / (exp_avg_sq + self.eps) * left2) / (1 - left1)
        second = (1 + square / (square + self.eps) * left1) / (1 - left2)
        return param - self.lr * first * (exp_avg + grad) / (sqrt(second * exp_avg_sq) + self.eps), exp_avg, exp_avg_sq
