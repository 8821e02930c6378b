"""Nesterov's acceleration with a rate for each element."""

from typing import Annotated

from ...formula import Copy, lerp, maximum, sqrt, where
from ...hyper import Decay, NonNegative, Number, Range
from ...optimizer import Optimizer

__all__ = ["A2Grad", "A2GradExp"]


Smoothness = Annotated[Number, Range(1e-9)]
"""A Lipschitz constant: its inverse is the longest step."""


class A2GradRule(Optimizer):
    """What these rules have in common: a fast point, and the mean of its places, between which gradients are taken."""

    # What is rounded in sums would make steps too long, and gradients that are all alike leave nothing to sum up.
    precise = frozenset({"v", "v_mean"})
    refuses = {
        "cautious": "a step of its parameters is the difference of two points, and no step along a gradient",
        "decoupled_weight_decay": "its lr is no rate that weights could decay by",
        "hyperball": "the norm of one of its points says nothing of the other",
        "lookahead": "walks of one of its points say nothing of the other",
    }


class A2Grad(A2GradRule):
    """Nesterov's accelerated descent, whose steps are shorter where gradients deviate from their mean.

    Deng, Cheng & Lan 2018, "Optimal adaptive and accelerated stochastic gradient descent", algorithm 1 with the sums
    of A2Grad-uni. https://arxiv.org/abs/1810.00553
    `lips` is how fast the gradient can change, its Lipschitz constant; `beta` weighs the root of squared deviations.
    `incremental` lets old ones weigh less, by the square of the step's number: A2Grad-inc. `lr` multiplies all steps,
    for schedules, and is 1 in the paper. Parameters are the points at which gradients are taken.
    Tune: lips and beta, powers of ten from 1 to 100; lr stays.
    """

    lr: NonNegative = 1.0
    lips: Smoothness = 10.0
    beta: NonNegative = 10.0
    incremental: bool = False

    def update(self, param, grad, x: Copy, avg_grad, v):
        k = self.step_count - 1
        avg_grad = mean(self, avg_grad, grad)
        v = (k * k / ((k + 1) * (k + 1)) * v if self.incremental else v) + squared(grad - avg_grad)
        param, x = moved(self, param, grad, x, root(v))
        return param, x, avg_grad, v


class A2GradExp(A2GradRule):
    """A2Grad with the largest running mean of squared deviations so far, in place of the sum of them all.

    Deng, Cheng & Lan 2018, "Optimal adaptive and accelerated stochastic gradient descent", algorithm 1 with the means
    of A2Grad-exp. https://arxiv.org/abs/1810.00553
    `rho` is the share of the old mean that stays; other options are those of A2Grad.
    Tune: as A2Grad.
    """

    lr: NonNegative = 1.0
    lips: Smoothness = 10.0
    beta: NonNegative = 10.0
    rho: Decay = 0.5

    def update(self, param, grad, x: Copy, avg_grad, v, v_mean):
        avg_grad = mean(self, avg_grad, grad)
        v_mean = self.rho * v_mean + (1 - self.rho) * squared(grad - avg_grad)
        v = maximum(v, v_mean)
        param, x = moved(self, param, grad, x, root(self.step_count * v))
        return param, x, avg_grad, v, v_mean


def mean(self, avg_grad, grad):
    """Take a gradient into the mean of all."""
    return avg_grad + (grad - avg_grad) / self.step_count


def moved(self, param, grad, x, h):
    """Move both points: the mean along its share of the step, and on to where the next gradient is taken."""
    k = self.step_count - 1
    step = self.lr * grad / (2 * self.lips / (k + 1) + self.beta * h)
    x = x - step
    return lerp(param - 2 / (k + 2) * step, x, 2 / (k + 3)), x


def squared(deviation):
    """Multiply a number by itself."""
    return deviation * deviation


def root(v):
    """Take a square root that has a derivative at zero, too: that of all first steps."""
    return where(v > 0, sqrt(where(v > 0, v, 1)), 0)
