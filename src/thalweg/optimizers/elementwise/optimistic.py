"""Rules that expect the next gradient to be as the last one: they do not go round in circles in games and GANs."""

from ...formula import Unsigned, maximum, sqrt, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["OptimisticAdam", "OptimisticGradientDescent"]


class OptimisticGradientDescent(Optimizer):
    """Follow the gradient, and its last change once more.

    Daskalakis et al. 2018, "Training GANs with optimism", equation 5, https://arxiv.org/abs/1711.00141; with two
    coefficients, Mokhtari, Ozdaglar & Pattathil 2020, "A unified analysis of extra-gradient and optimistic gradient
    methods for saddle point problems", https://arxiv.org/abs/1901.08511, section 6.
    A step is lr * (`alpha` * gradient + `beta` * change of the gradient); the first gradient has not changed.
    Tune: lr as for SGD.
    """

    lr: NonNegative = 1e-2
    alpha: NonNegative = 1.0
    beta: NonNegative = 1.0
    weight_decay: NonNegative = 0

    counts_steps = False

    def update(self, param, grad, prev):
        grad = l2(self, param, grad)
        change = where(self.is_first_step, 0 * grad, grad - prev)
        return param - self.lr * (self.alpha * grad + self.beta * change), grad


class OptimisticAdam(Optimizer):
    """Adam that takes the last change of its direction once more.

    Daskalakis et al. 2018, "Training GANs with optimism", algorithm 1. https://arxiv.org/abs/1711.00141
    `optimism` is how many times the change counts; the first direction has not changed.
    Tune: lr as for Adam, and betas (0.5, 0.9) for GANs.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    optimism: NonNegative = 1.0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        last = self.direction(exp_avg, exp_avg_sq, maximum(self.step_count - 1, 1))
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        newest = self.direction(exp_avg, exp_avg_sq, self.step_count)
        change = where(self.is_first_step, 0 * newest, newest - last)
        return param - self.lr * (newest + self.optimism * change), exp_avg, exp_avg_sq

    def direction(self, exp_avg, exp_avg_sq, steps):
        """Give Adam's direction after so many steps; the last one is known again from what is remembered."""
        beta1, beta2 = self.betas
        return exp_avg / (1 - beta1**steps) / (sqrt(exp_avg_sq / (1 - beta2**steps)) + self.eps)
