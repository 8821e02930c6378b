"""Minima of a mean of simple functions that lie above the loss."""

from typing import Annotated

from ...formula import Copy, floor
from ...hyper import Count, NonNegative, Number, Range
from ...optimizer import Optimizer

__all__ = ["SRMM"]


class SRMM(Optimizer):
    """Gradient descent from the mean of all points along the mean of all gradients, the newest of which weigh less.

    Lyu 2022, "Stochastic regularized majorization-minimization with weakly convex and multi-convex surrogates",
    double-averaged gradient descent, as in the author's code. https://arxiv.org/abs/2201.01652
    The newest point and gradient weigh n**-beta in their means, n being the number of the step. `memory_length` is the
    number of steps after which the means begin anew, or None for never. `beta` is between 1/2, where new gradients
    count for much, and 1, where all gradients count alike; 0 is gradient descent.
    Tune: lr as for SGD without momentum, and beta 0.5.
    """

    lr: NonNegative = 1e-2
    beta: Annotated[Number, Range(0, 1)] = 0.5
    memory_length: Count | None = 100

    refuses = {
        "cautious": "its steps begin at the mean of all points, and are no steps along a gradient",
        "hyperball": "its steps begin at the mean of all points, and are no steps along a gradient",
    }

    def update(self, param, grad, mov_avg_grad, mov_avg_param: Copy):
        weight = self.number() ** -self.beta
        mov_avg_grad = (1 - weight) * mov_avg_grad + weight * grad
        mov_avg_param = (1 - weight) * mov_avg_param + weight * param - self.lr * mov_avg_grad
        return mov_avg_param, mov_avg_grad, mov_avg_param

    def number(self):
        """Count the steps since the means were begun."""
        if self.memory_length is None:
            return self.step_count
        before = self.step_count - 1
        return before - floor(before / self.memory_length) * self.memory_length + 1
