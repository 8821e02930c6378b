"""Means of gradients, of which a share is taken back for the newest gradient itself."""

from typing import Annotated

from ...formula import Unsigned, sqrt
from ...hyper import Betas, Decay, Fraction, NonNegative, Number, Range, Several
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["QHM", "QHAdam"]


class QHM(Optimizer):
    """A mean of gradients with a very long memory, mixed with the newest gradient.

    Ma & Yarats 2019, "Quasi-hyperbolic momentum and Adam for deep learning", equations 3 and 4.
    https://arxiv.org/abs/1810.06801
    `nu` is the weight of the mean: 0 is gradient descent, 1 is momentum.
    Tune: the lr of SGD with momentum, over 1 - that momentum; nu 0.7 and momentum 0.999 suit most tasks.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.999
    nu: Fraction = 0.7
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        grad = l2(self, param, grad)
        momentum_buffer = self.momentum * momentum_buffer + (1 - self.momentum) * grad
        return param - self.lr * ((1 - self.nu) * grad + self.nu * momentum_buffer), momentum_buffer


class QHAdam(Optimizer):
    """Adam whose two means are mixed with the newest gradient and its square.

    Ma & Yarats 2019, "Quasi-hyperbolic momentum and Adam for deep learning", section 4.
    https://arxiv.org/abs/1810.06801
    With `nus` of (1, 1) it is Adam.
    Tune: Adam's lr; nus (0.7, 1) with betas (0.995, 0.999), or nus[1] below 1 where Adam is unstable.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    nus: Annotated[tuple[Number, Number], Several((Range(0, 1), Range(0, 1)))] = (0.7, 1.0)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        (beta1, beta2), (nu1, nu2) = self.betas, self.nus
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        mean = (1 - nu1) * grad + nu1 * exp_avg / (1 - beta1**self.step_count)
        square = (1 - nu2) * grad * grad + nu2 * exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * mean / (sqrt(square) + self.eps), exp_avg, exp_avg_sq
