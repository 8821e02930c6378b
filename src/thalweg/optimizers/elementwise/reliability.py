"""Momentum that is shortened where gradients vary more than they point somewhere."""

from ...formula import Unsigned, maximum, minimum, where
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["MSVAG"]

LARGEST_SHARE = 0.999
"""One gradient alone has no variance to speak of; the authors' bound keeps it from being divided by zero."""


class MSVAG(Optimizer):
    """Momentum, each weight's times how much of its mean square is mean and not variance: short steps where it varies.

    Balles & Hennig 2018, "Dissecting Adam: The sign, magnitude and variance of stochastic gradients", algorithm 2
    (M-SVAG). https://arxiv.org/abs/1705.07774
    `beta` is the share of the old running means, of gradients and of their squares, that stays in each step.
    Tune: lr as for SGD with momentum, times 1 / (1 - beta).
    """

    lr: NonNegative = 1e-2
    beta: Decay = 0.9
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        grad = l2(self, param, grad)
        exp_avg = self.beta * exp_avg + (1 - self.beta) * grad
        exp_avg_sq = self.beta * exp_avg_sq + (1 - self.beta) * grad * grad
        left = self.beta**self.step_count
        m_hat, v_hat = exp_avg / (1 - left), exp_avg_sq / (1 - left)
        rho = (1 - self.beta) * (1 + left) / ((1 + self.beta) * (1 - left))
        rho = minimum(rho, LARGEST_SHARE)
        square = m_hat * m_hat
        variance = maximum(v_hat - square, 0) / (1 - rho)
        reliable = where(square > 0, square / (square + rho * variance), 0 * square)
        return param - self.lr * reliable * m_hat, exp_avg, exp_avg_sq
