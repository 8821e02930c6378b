"""Momentum that looks at the angle between itself and the gradient."""

from ...formula import Scalar, sqrt, total, total_square, where
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["TAM"]


class TAM(Optimizer):
    """Momentum that takes less of gradients that turn against it.

    Malviya et al. 2024, "Torque-aware momentum", equations 2 to 4, with the angle of each parameter.
    https://arxiv.org/abs/2412.18790
    The cosine of the angle between momentum and gradient is averaged, and `decay_rate` is the share of the old mean
    that stays; a gradient counts by half of 1 plus that mean, and by eps at least.
    Tune: lr twice that of SGD with the same momentum.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.9
    decay_rate: Decay = 0.9
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, momentum_buffer, alignment: Scalar):
        grad = grad + self.weight_decay * param
        lengths = sqrt(total_square(momentum_buffer)) * sqrt(total_square(grad))
        cosine = where(lengths > 0, total(momentum_buffer * grad) / lengths, 0)
        alignment = self.decay_rate * alignment + (1 - self.decay_rate) * cosine
        momentum_buffer = self.momentum * momentum_buffer + (self.eps + (1 + alignment) / 2) * grad
        return param - self.lr * momentum_buffer, momentum_buffer, alignment
