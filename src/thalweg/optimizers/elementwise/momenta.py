"""Gradient descent with more than one memory of past gradients."""

from typing import Annotated

from ...formula import Copy, where
from ...hyper import Decay, Fraction, NonNegative, Number, Positive, Range, ThreeBetas
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["PID", "AccSGD", "AggMo"]


class AggMo(Optimizer):
    """The mean of several momenta, from short to very long ones, which damp each other's oscillations.

    Lucas et al. 2019, "Aggregated momentum: stability through passive damping", section 3.
    https://arxiv.org/abs/1804.00325
    A beta of 0 is the gradient itself, and needs no state.
    Tune: lr as for SGD with momentum 0.9; betas of 1 - 0.1**i, as here, or (0, 0.9, 0.999) for long runs.
    """

    lr: NonNegative = 1e-3
    betas: ThreeBetas = (0.0, 0.9, 0.99)
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, first_momentum, second_momentum, third_momentum):
        beta1, beta2, beta3 = self.betas
        grad = l2(self, param, grad)
        first_momentum = beta1 * first_momentum + grad if beta1 else grad
        second_momentum = beta2 * second_momentum + grad if beta2 else grad
        third_momentum = beta3 * third_momentum + grad if beta3 else grad
        mean = (first_momentum + second_momentum + third_momentum) / 3
        return param - self.lr * mean, first_momentum, second_momentum, third_momentum


class PID(Optimizer):
    """A PID controller: the newest gradient, the sum of earlier gradients, and the change of gradients.

    An et al. 2018, "A PID controller approach for stochastic optimization of deep networks", with the
    weights of the authors' code. https://openaccess.thecvf.com/content_cvpr_2018/html/An_A_PID_Controller_CVPR_2018_paper.html
    `integral` weighs the momentum, and `derivative` the running mean of changes, which brakes where gradients turn.
    Tune: as SGD with momentum, lr about `integral` times smaller; more `derivative` against overshooting.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.9
    dampening: Fraction = 0
    derivative: NonNegative = 10.0
    integral: NonNegative = 5.0
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, momentum_buffer, change_buffer, prev):
        grad = l2(self, param, grad)
        momentum_buffer = self.momentum * momentum_buffer + (1 - self.dampening) * grad
        change = where(self.is_first_step, 0 * grad, grad - prev)
        change_buffer = self.momentum * change_buffer + (1 - self.momentum) * change
        step = grad + self.integral * momentum_buffer + self.derivative * change_buffer
        return param - self.lr * step, momentum_buffer, change_buffer, grad


class AccSGD(Optimizer):
    """Gradient descent in short steps, drawn towards the running mean of what long steps would have reached.

    Kidambi et al. 2018, "On the insufficiency of existing momentum schemes for stochastic optimization", algorithm 1.
    https://arxiv.org/abs/1803.05591
    `kappa` is how many times longer the long steps are, apart from the factor `small_const`; `xi` is the statistical
    advantage, from 1 to sqrt(kappa), which shortens the memory of the mean; `small_const` is the factor that keeps the
    long steps stable.
    Tune: lr as for SGD without momentum, kappa from 100 to 10,000, and xi from 2 to 10.
    """

    lr: NonNegative = 1e-3
    kappa: Annotated[Number, Range(1)] = 1000.0
    xi: Positive = 10.0
    small_const: Annotated[Number, Range(0.01, 1)] = 0.7
    weight_decay: NonNegative = 0

    spellings = {"constant": "small_const", "smallConst": "small_const"}
    counts_steps = False

    def update(self, param, grad, mean: Copy):
        grad = l2(self, param, grad)
        beta = self.small_const * self.small_const * self.xi / self.kappa
        long_step = self.lr * self.kappa / self.small_const
        mean = (1 - beta) * mean + beta * (param - long_step * grad)
        near = self.small_const / (self.small_const + beta)
        return param - near * self.lr * grad + (1 - near) * (mean - param), mean
