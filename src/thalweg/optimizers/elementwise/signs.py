"""Steps of one size for every weight, in the direction of a momentum."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import lerp, sign
from ...hyper import Betas, Decay, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["FOCUS", "Lion", "SignSGD", "Signum", "Tiger"]


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of a momentum.

    Chen et al. 2023, "Symbolic discovery of optimization algorithms", program 1. https://arxiv.org/abs/2302.06675
    `betas[0]` is the share of the momentum in the step, `betas[1]` its share in the next momentum; weights decay apart
    from the gradient. One state for each weight.
    Tune: an lr 3 to 10 times smaller than AdamW's, and a weight_decay larger by the same factor.
    """

    lr: NonNegative = 1e-4
    betas: Betas = (0.9, 0.99)
    weight_decay: NonNegative = 0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    counts_steps = False

    def update(self, param, grad, exp_avg):
        beta1, beta2 = self.betas
        direction = sign(beta1 * exp_avg + (1 - beta1) * grad)
        return param - self.lr * direction, beta2 * exp_avg + (1 - beta2) * grad


class SignSGD(Optimizer):
    """The sign of the gradient, or of its running mean if `momentum` is above zero.

    Bernstein et al. 2018, "signSGD: Compressed optimisation for non-convex problems", algorithms 1 and 2, with a mean
    in which the newest gradient weighs 1 - momentum. https://arxiv.org/abs/1802.04434
    Tune: lr as for Adam, or a little smaller; with decay, set decoupled_weight_decay=True, since decay in the gradient
    can only change signs.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        grad = l2(self, param, grad)
        if self.momentum:
            momentum_buffer = self.momentum * momentum_buffer + (1 - self.momentum) * grad
            grad = momentum_buffer
        return param - self.lr * sign(grad), momentum_buffer

    @classmethod
    def touches_only_gradients(cls, options):
        """Momentum moves on by itself."""
        return not options["momentum"]


class Signum(SignSGD):
    """SignSGD with momentum.

    Bernstein et al. 2018, "signSGD: Compressed optimisation for non-convex problems", algorithm 2.
    https://arxiv.org/abs/1802.04434
    """

    momentum: Decay = 0.9


class Tiger(SignSGD):
    """Signum with a longer memory, and weights that decay apart from the gradient: one state, for tight budgets.

    Su 2023, "Tiger: A tight-fisted optimizer". https://github.com/bojone/tiger
    Tune: as Lion.
    """

    momentum: Decay = 0.965
    weight_decay: NonNegative = 1e-2
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True


class FOCUS(Optimizer):
    """Signum whose weights are also drawn towards their own running mean, by a share of a step: noise disperses less.

    Liu, Liu & Gore 2025, "FOCUS: First order concentrated updating scheme", algorithm 1, as in the authors' code.
    https://arxiv.org/abs/2501.12243
    `betas[0]` is the momentum's decay, `betas[1]` that of the mean of weights; `gamma` is the size of the steps towards
    that mean, where 1 is the size of the others. Weights decay by a share of that mean, and not of themselves.
    Tune: as Signum, with gamma from 0.1 to 0.4, more for noisier gradients.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.999)
    gamma: NonNegative = 0.1
    weight_decay: NonNegative = 0

    refuses = {"decoupled_weight_decay": "it has a decay of its own, along the mean of the weights"}

    def update(self, param, grad, exp_avg, pbar):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        # The mean itself, corrected for its start: where a weight has not moved, it is the weight to the bit.
        pbar = lerp(param, pbar, 1 - (1 - beta2) / (1 - beta2**self.step_count))
        step = self.lr * (sign(exp_avg) + self.gamma * sign(param - pbar))
        return param - step - self.lr * self.weight_decay * pbar, exp_avg, pbar
