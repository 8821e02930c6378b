"""Steps divided by what the square of their direction is expected to be."""

from typing import Literal

from ...formula import Unsigned, sqrt, where
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["BCOS"]


class BCOS(Optimizer):
    """Momentum divided by the root of its expected square, which follows from the last momentum: one state a weight.

    Jiang & Xiao 2025, "Stochastic approximation with block coordinate optimal stepsizes", with the simple conditional
    estimator, as in the authors' code. https://arxiv.org/abs/2507.08963
    `mode` is "c" for this; "m" has a running mean of the momentum's squares, and "g" steps along gradients with a
    running mean of their squares. `beta` is the share of the old momentum that stays; `beta2` that of the old square:
    None takes 1 - (1 - beta)**2 in mode "c", and beta in the others. Means start at the first gradient.
    Tune: lr as for AdamW, with its decay.
    """

    lr: NonNegative = 1e-3
    beta: Decay = 0.9
    beta2: Decay | None = None
    mode: Literal["c", "m", "g"] = "c"
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 1e-1
    decoupled_weight_decay: bool = True

    counts_steps = False

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        grad = l2(self, param, grad)
        last = where(self.is_first_step, grad, exp_avg)
        direction = grad
        if self.mode != "g":
            exp_avg = self.beta * last + (1 - self.beta) * grad
            direction = exp_avg
        if self.mode == "c":
            share = 1 - (1 - self.beta) * (1 - self.beta) if self.beta2 is None else self.beta2
            expected = share * last * last + (1 - share) * grad * grad
        else:
            share = self.beta if self.beta2 is None else self.beta2
            last_sq = where(self.is_first_step, grad * grad, exp_avg_sq)
            exp_avg_sq = share * last_sq + (1 - share) * direction * direction
            expected = exp_avg_sq
        return param - self.lr * direction / (sqrt(expected) + self.eps), exp_avg, exp_avg_sq
