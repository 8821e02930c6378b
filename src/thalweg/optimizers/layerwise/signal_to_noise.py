"""A rate for each parameter, from the first gradient."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Scalar, maximum, sqrt, total, total_square, where
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["SGDSaI"]


class SGDSaI(Optimizer):
    """Momentum with a rate for each parameter that stays as the first gradient made it: half of Adam's memory.

    Xu et al. 2024, "No more Adam: Learning rate scaling at initialization is all you need", algorithm 1 (SGD-SaI).
    https://arxiv.org/abs/2412.11768
    The rate is lr times the norm of the first gradient over the standard deviation of its elements; where they are all
    the same, the norm alone.
    Tune: lr 10 times AdamW's or more, with its schedule.
    """

    lr: NonNegative = 1e-2
    momentum: Decay = 0.9
    weight_decay: NonNegative = 1e-2
    eps: NonNegative = 1e-8
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    phases = ("first", "later")

    def update(self, param, grad, momentum_buffer, gsnr: Scalar):
        if self.phase == "first":
            gsnr = self.signal_to_noise(grad)
        momentum_buffer = self.momentum * momentum_buffer + (1 - self.momentum) * grad
        return param - self.lr * gsnr * momentum_buffer, momentum_buffer, gsnr

    def signal_to_noise(self, grad):
        """Divide the norm by the standard deviation."""
        square = total_square(grad)
        if self.numel == 1:
            return sqrt(square)
        mean = total(grad) / self.numel
        deviation = sqrt(maximum(square - self.numel * mean * mean, 0) / (self.numel - 1))
        return where(deviation > 0, sqrt(square) / (deviation + self.eps), sqrt(square))

    @classmethod
    def phase_of(cls, options, step):
        """The first step measures, the others remember."""
        return "first" if step == 1 else "later"
