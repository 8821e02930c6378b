"""Adam at first, and SGD later."""

from typing import Any, ClassVar

from ...formula import Unsigned, sqrt, total, total_square, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer

__all__ = ["SWATS"]


class SWATS(Optimizer):
    """Adam that learns which learning rate SGD would have, and becomes SGD when that has settled.

    Keskar & Socher 2017, "Improving generalization performance by switching from Adam to SGD", algorithm 1.
    https://arxiv.org/abs/1712.07628
    A group's `rate` is 0 as long as it is Adam, and then SGD's learning rate as a multiple of lr, so that a schedule of
    lr goes on. It switches when the newest estimate is within `eps` of the mean estimate; eps is Adam's, too.
    Tune: lr as for Adam, with a schedule.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-9
    weight_decay: NonNegative = 0

    rate: ClassVar[Any]
    estimate: ClassVar[Any]
    left: ClassVar[Any]

    measures = ("move_square", "descent")
    learned = ("rate", "estimate", "left")

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, momentum_buffer):
        beta1, beta2 = self.betas
        grad = grad + self.weight_decay * param
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        step = size * exp_avg / (sqrt(exp_avg_sq) + self.eps)
        is_adam = self.rate == 0
        momentum_buffer = where(is_adam, 0 * grad, beta1 * momentum_buffer + grad)
        new_param = param - where(is_adam, step, self.lr * self.rate * (1 - beta1) * momentum_buffer)
        return new_param, exp_avg, exp_avg_sq, momentum_buffer, total_square(step), total(step * grad)

    @classmethod
    def start(cls, options):
        """Begin as Adam."""
        return {"rate": 0.0, "estimate": 0.0, "left": 1.0}

    def learn(self, move_square, descent):
        """Project Adam's step on the gradient, and compare with earlier projections."""
        beta2 = self.betas[1]
        newest = move_square / descent
        estimate = where(descent != 0, beta2 * self.estimate + (1 - beta2) * newest, self.estimate)
        left = beta2 * self.left
        mean = estimate / (1 - left)
        has_settled = (self.left < 1) & (descent != 0) & (mean > 0) & (abs(mean - newest) < self.eps)
        rate = where(has_settled & (self.rate == 0), mean / self.lr, self.rate)
        return {"rate": rate, "estimate": estimate, "left": left}
