"""Dual averaging: the sum of all gradients, seen from where training began."""

from ...formula import Copy, Unsigned, cbrt, lerp, sqrt
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["MADGRAD"]


class MADGRAD(Optimizer):
    """Dual averaging: the weighted sum of all gradients over the cube root of that of their squares, with momentum.

    Defazio & Jelassi 2021, "Adaptivity without compromise: A momentumized, adaptive, dual averaged gradient method for
    stochastic optimization", algorithm 1, with lr + eps as the authors' code has it. https://arxiv.org/abs/2101.11075
    Tune: lr as for SGD or Adam, to be found anew; much less weight_decay than Adam, often none.
    """

    lr: NonNegative = 1e-2
    momentum: Decay = 0.9
    weight_decay: NonNegative = 0
    eps: NonNegative = 1e-6

    def update(self, param, grad, grad_sum_sq: Unsigned, s, x0: Copy):
        grad = l2(self, param, grad)
        rate = (self.lr + self.eps) * sqrt(self.step_count)
        grad_sum_sq = grad_sum_sq + rate * grad * grad
        s = s + rate * grad
        z = x0 - s / (cbrt(grad_sum_sq) + self.eps)
        return lerp(z, param, self.momentum), grad_sum_sq, s, x0
