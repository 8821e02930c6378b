"""Adam whose numerator has a size of its own, so that one learning rate fits all scales."""

from typing import Annotated

from ...formula import Unsigned, minimum, power_of_element, sqrt
from ...hyper import SMALLEST, NonNegative, Number, Range, ThreeBetas
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdamG"]


class AdamG(Optimizer):
    """Adam whose gradients are multiplied by a small power of their mean square: no learning rate to tune.

    Pang et al. 2024, "Towards stability of parameter-free optimization", algorithm AdamG.
    https://arxiv.org/abs/2405.04376
    A running mean is taken of the power, with betas[2]. `q` is the power to which the mean square is raised; `p` is
    a factor of that. The rate is at most one over the root of the number of steps.
    Tune: nothing; lr stays at 1, or falls from there by a schedule.
    """

    lr: NonNegative = 1.0
    betas: ThreeBetas = (0.95, 0.999, 0.95)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    p: NonNegative = 0.2
    q: Annotated[Number, Range(SMALLEST, 0.5)] = 0.24

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, numerator: Unsigned):
        beta1, beta2, beta3 = self.betas
        grad = l2(self, param, grad)
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        numerator = beta3 * numerator + (1 - beta3) * self.p * power_of_element(exp_avg_sq, self.q)
        exp_avg = beta1 * exp_avg + (1 - beta1) * numerator * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        rate = minimum(self.lr, 1 / sqrt(self.step_count))
        return param - rate * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, numerator
