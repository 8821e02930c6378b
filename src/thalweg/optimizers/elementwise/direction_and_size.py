"""Steps whose direction comes from a momentum, and whose size from the newest gradient."""

from typing import Annotated

from ...formula import Unsigned, sign, sqrt
from ...hyper import NonNegative, Range, Several
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["Ano"]


class Ano(Optimizer):
    """The sign of the mean gradient times the size of the newest one, over a root mean square that forgets slowly.

    Kegreisz 2025, "Ano: Faster is better in noisy landscapes", algorithm 1, as in the author's code, with a bias
    correction of the mean square. https://arxiv.org/abs/2508.18258
    betas[1] is at least a half, since a mean square could become negative otherwise.
    Tune: lr as for AdamW or smaller; it is made for reinforcement learning and other noisy gradients.
    """

    lr: NonNegative = 1e-4
    betas: Annotated[tuple[float, float], Several((Range(0, 1, below=True), Range(0.5, 1, below=True)))] = (0.92, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        square = grad * grad
        exp_avg_sq = beta2 * exp_avg_sq - (1 - beta2) * sign(exp_avg_sq - square) * square
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * sign(exp_avg) * abs(grad) / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq
