"""Mean squares that forget faster where weights go straight ahead."""

from ...formula import Unsigned, minimum, sqrt
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdaSmooth"]


class AdaSmooth(Optimizer):
    """RMSProp that forgets old squares fast where a weight goes straight ahead, and slowly where it goes to and fro.

    Lu 2022, "AdaSmooth: An adaptive learning rate method based on effective ratio". https://arxiv.org/abs/2204.00825
    How far a weight has come is divided by the length of its way, over all steps of the run: a ratio from 0 to 1. The
    share of a new square is the square of 1 - betas[1] where that ratio is 0, and of 1 - betas[0] where it is 1; so
    betas[0] is the smaller one.
    Tune: lr about 1e-3, betas as they are; the first steps are 1 / (1 - betas[1]) times lr.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.5, 0.99)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0

    counts_steps = False
    precise = frozenset({"distance", "length"})

    def update(self, param, grad, distance, length: Unsigned, square_avg: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        ratio = minimum(abs(distance) / (length + self.eps), 1)
        share = (beta2 - beta1) * ratio + (1 - beta2)
        square_avg = (1 - share * share) * square_avg + share * share * grad * grad
        step = self.lr * grad / sqrt(square_avg + self.eps)
        return param - step, distance + step, length + abs(step), square_avg
