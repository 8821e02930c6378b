"""Two momenta that take turns, one added and one taken off: more of the noise of gradients, and no other mean."""

from ...formula import Unsigned, maximum, sqrt
from ...hyper import Betas, Decay, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["PNM", "AdaPNM"]


class PNM(Optimizer):
    """Momentum of every second gradient, from which a share of the other gradients' momentum is subtracted.

    Xie et al. 2021, "Positive-negative momentum: Manipulating stochastic gradient noise to improve generalization",
    algorithm 1. https://arxiv.org/abs/2103.17182
    `beta0` is the share of the negative momentum: 0 leaves the positive one, of every second gradient. Steps are
    divided by a number that keeps the size of the noise.
    Tune: lr as for SGD with momentum 0.9, and beta0 1.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.9
    beta0: NonNegative = 1.0
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, exp_avg, prev_exp_avg):
        grad = l2(self, param, grad)
        newest = self.momentum**2 * prev_exp_avg + (1 - self.momentum**2) * grad
        return param - self.lr * positive_negative(self.beta0, newest, exp_avg), newest, exp_avg


class AdaPNM(Optimizer):
    """Adam with positive and negative momenta.

    Xie et al. 2021, "Positive-negative momentum: Manipulating stochastic gradient noise to improve generalization",
    algorithm 2. https://arxiv.org/abs/2103.17182
    `beta0` is the share of the negative momentum. The algorithm has `amsgrad`; the momenta are corrected for starting
    at zero as one mean of all gradients would be.
    Tune: lr as for Adam, and beta0 1.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    beta0: NonNegative = 1.0
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    amsgrad: bool = True

    def update(self, param, grad, exp_avg, prev_exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        newest = beta1**2 * prev_exp_avg + (1 - beta1**2) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        largest = exp_avg_sq
        if self.amsgrad:
            max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            largest = max_exp_avg_sq
        m_hat = positive_negative(self.beta0, newest, exp_avg) / (1 - beta1**self.step_count)
        v_hat = largest / (1 - beta2**self.step_count)
        param = param - self.lr * m_hat / (sqrt(v_hat) + self.eps)
        return param, newest, exp_avg, exp_avg_sq, max_exp_avg_sq


def positive_negative(beta0, newest, other):
    """Take a share of the other momentum off the newest one, and keep the size of the noise."""
    return ((1 + beta0) * newest - beta0 * other) / sqrt((1 + beta0) ** 2 + beta0**2)
