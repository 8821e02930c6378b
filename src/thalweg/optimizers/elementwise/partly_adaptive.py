"""Adam that divides by something else than the root: between Adam and momentum, or only later on."""

from typing import Annotated

from ...formula import Unsigned, maximum, softplus, sqrt
from ...hyper import Betas, NonNegative, OneOf, Positive
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["DualAdam", "Padam", "SAdam"]


class Padam(Optimizer):
    """Adam that divides by a power of the mean square between 0, which is momentum, and 1/2, which is Adam.

    Chen et al. 2018, "Closing the generalization gap of adaptive gradient methods in training deep neural networks",
    algorithm 1, with Adam's bias corrections and with eps beside the root, as in the authors' code.
    https://arxiv.org/abs/1806.06763
    `partial` is the power, one of those that the paper tries: roots of roots. `amsgrad`, which the algorithm has,
    divides by the largest mean square so far; other libraries leave it out.
    Tune: lr 0.1 as for SGD, with its schedule, and partial 1/8.
    """

    lr: NonNegative = 1e-1
    betas: Betas = (0.9, 0.999)
    partial: Annotated[float, OneOf((1 / 2, 1 / 4, 1 / 8, 1 / 16))] = 1 / 8
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    amsgrad: bool = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        largest = exp_avg_sq
        if self.amsgrad:
            max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            largest = max_exp_avg_sq
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        root, power = sqrt(largest) + self.eps, 1 / 2
        while self.partial < power:
            root, power = sqrt(root), power / 2
        return param - size * exp_avg / root, exp_avg, exp_avg_sq, max_exp_avg_sq


class DualAdam(Optimizer):
    """Adam that begins as its inverse: at first it multiplies by the root mean square, to leave sharp valleys.

    Shi et al. 2026, "Combining Adam and its inverse counterpart to enhance generalization of deep learning optimizers",
    algorithm 2. https://arxiv.org/abs/2603.07122
    `switch_rate` is the share of the inverse that is replaced by Adam in each step; after 1 / switch_rate steps it is
    Adam.
    Tune: as Adam, with a switch_rate of about 1 over the number of all steps.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    switch_rate: NonNegative = 1e-2

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        root = sqrt(exp_avg_sq / (1 - beta2**self.step_count))
        inverse = maximum(1 - self.switch_rate * self.step_count, 0)
        step = inverse * m_hat * root + (1 - inverse) * m_hat / (root + self.eps)
        return param - self.lr * step, exp_avg, exp_avg_sq


class SAdam(Optimizer):
    """Adam that divides by the softplus of the root mean square, so that small gradients take no large steps.

    Tong, Liang & Bi 2019, "Calibrating the adaptive learning rate to improve convergence of ADAM", algorithm Sadam, and
    with `amsgrad` SAMSGrad; the softplus is of the root before it is corrected for bias, as in the authors' code.
    https://arxiv.org/abs/1908.00700
    There is no eps. `smooth` is the sharpness of the softplus: where the mean square is zero, the divisor is log(2) /
    smooth, and for large mean squares it is nearly their root.
    Tune: as Adam, with smooth 50.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    smooth: Positive = 50.0
    weight_decay: NonNegative = 0
    amsgrad: bool = False

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        largest = exp_avg_sq
        if self.amsgrad:
            max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            largest = max_exp_avg_sq
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        return param - size * exp_avg / softplus(sqrt(largest), self.smooth), exp_avg, exp_avg_sq, max_exp_avg_sq
