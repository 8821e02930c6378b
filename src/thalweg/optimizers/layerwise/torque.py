"""Momentum that looks at the angle between itself and the gradient."""

from ...formula import Scalar, Unsigned, sqrt, total, total_square, where
from ...hyper import Betas, Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["TAM", "AdaTAM"]


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
        alignment = self.decay_rate * alignment + (1 - self.decay_rate) * cosine(momentum_buffer, grad)
        momentum_buffer = self.momentum * momentum_buffer + (self.eps + (1 + alignment) / 2) * grad
        return param - self.lr * momentum_buffer, momentum_buffer, alignment


class AdaTAM(Optimizer):
    """Adam whose momentum takes less of gradients that turn against it.

    Malviya et al. 2024, "Torque-aware momentum", AdaTAM, with the angle of each parameter, as in TAM.
    https://arxiv.org/abs/2412.18790
    The momentum is a sum of gradients and not their mean, and neither it nor the mean square is corrected for starting
    at zero, so that a step is up to 1 / (1 - betas[0]) times as long as Adam's. `decay_rate` is that of TAM.
    Tune: lr 0.1 times that of Adam; weight_decay as for AdamW, by decoupled_weight_decay=True.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    decay_rate: Decay = 0.9
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, alignment: Scalar):
        beta1, beta2 = self.betas
        grad = grad + self.weight_decay * param
        alignment = self.decay_rate * alignment + (1 - self.decay_rate) * cosine(exp_avg, grad)
        exp_avg = beta1 * exp_avg + (self.eps + (1 + alignment) / 2) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        return param - self.lr * exp_avg / (sqrt(exp_avg_sq) + self.eps), exp_avg, exp_avg_sq, alignment


def cosine(a, b):
    """Give the cosine of the angle between two tensors, and 0 where one of them is nothing."""
    lengths = sqrt(total_square(a)) * sqrt(total_square(b))
    return where(lengths > 0, total(a * b) / lengths, 0)
