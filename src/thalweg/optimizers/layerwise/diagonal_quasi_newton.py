"""Curvature along each axis, learned from how gradients change."""

from ...formula import maximum, minimum, sqrt, total
from ...hyper import Decay, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["ApolloDQN"]

LEAST_CURVATURE = 1e-2
"""What curvatures are taken to be at least, in size: only their ratio to lr counts."""


class ApolloDQN(Optimizer):
    """Newton's method with a diagonal Hessian that is fitted to how gradients change (the weak secant equation).

    Ma 2020, "Apollo: An adaptive parameter-wise diagonal quasi-Newton method for nonconvex stochastic optimization",
    algorithm 1. https://arxiv.org/abs/2009.13586
    The learning rate grows from `init_lr` to lr over the first `warmup_steps`, which the author found to be needed.
    Tune: lr 10 times Adam's or more, up to 0.5 for images; weight_decay as for SGD.
    """

    lr: NonNegative = 1e-2
    init_lr: NonNegative = 1e-5
    beta: Decay = 0.9
    eps: Positive = 1e-4
    weight_decay: NonNegative = 0
    warmup_steps: NonNegative = 500

    def update(self, param, grad, exp_avg_grad, approx_hessian):
        grad = grad + self.weight_decay * param
        last = direction(exp_avg_grad, approx_hessian)
        size = sqrt(sqrt(total(last * last * last * last))) + self.eps / LEAST_CURVATURE
        last = last / size
        share = (1 - self.beta) / (1 - self.beta**self.step_count)
        surprise = grad - exp_avg_grad
        exp_avg_grad = exp_avg_grad + share * surprise
        mismatch = share * total(surprise * last) / size + total(approx_hessian * last * last)
        approx_hessian = approx_hessian - mismatch * last * last
        return param - self.rate() * direction(exp_avg_grad, approx_hessian), exp_avg_grad, approx_hessian

    def rate(self):
        """Let the learning rate grow over the first steps."""
        if not self.warmup_steps:
            return self.lr
        return self.init_lr + (self.lr - self.init_lr) * minimum(self.step_count / self.warmup_steps, 1)


def direction(mean, curvature):
    """Give Newton's direction, with the sign of a curvature left out; it is known again from what is remembered."""
    return mean / maximum(abs(curvature), LEAST_CURVATURE)
