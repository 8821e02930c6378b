"""Momentum of gradients that are divided by their size first, each by its own."""

from ...formula import Unsigned, clamp, maximum, sqrt, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["ADOPT", "LaProp"]


class ADOPT(Optimizer):
    """Divide each gradient by the root mean square of earlier ones, then take the momentum: any beta2 converges.

    Taniguchi et al. 2024, "ADOPT: Modified Adam can converge with any beta2 with the optimal rate", algorithm 2, with
    step t's quotients bounded by (t - 1) ** clip_exponent. https://arxiv.org/abs/2411.02853
    The first step only measures gradients, and moves nothing. An infinite `clip_exponent` leaves the quotients
    unbounded from the third step on.
    Tune: as Adam, also in eps, which is 1e-6 here and a lower bound.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.9999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0
    clip_exponent: NonNegative = 0.25

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        bound = (self.step_count - 1) ** self.clip_exponent
        normalized = clamp(grad / maximum(sqrt(exp_avg_sq), self.eps), -bound, bound)
        exp_avg = where(self.is_first_step, exp_avg, beta1 * exp_avg + (1 - beta1) * normalized)
        square = grad * grad
        exp_avg_sq = where(self.is_first_step, square, beta2 * exp_avg_sq + (1 - beta2) * square)
        return param - self.lr * exp_avg, exp_avg, exp_avg_sq


class LaProp(Optimizer):
    """Adam that divides before it takes the momentum, so that betas[0] may be large whatever betas[1] is.

    Ziyin, Wang & Ueda 2020, "LaProp: Separating momentum and adaptivity in Adam", algorithm 1, where the learning rate
    is part of what the momentum remembers. https://arxiv.org/abs/2002.04839
    Tune: as Adam, with lr 4e-4 for most networks.
    """

    lr: NonNegative = 4e-4
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-15
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        exp_avg = beta1 * exp_avg + (1 - beta1) * self.lr * grad / (sqrt(v_hat) + self.eps)
        return param - exp_avg / (1 - beta1**self.step_count), exp_avg, exp_avg_sq
