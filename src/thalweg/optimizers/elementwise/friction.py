"""Adam that slows down where gradients hardly change."""

from ...formula import Unsigned, sigmoid, sqrt
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["DiffGrad"]


class DiffGrad(Optimizer):
    """Adam whose steps are shorter, by up to a half, the less a gradient differs from the one before it.

    Dubey et al. 2020, "diffGrad: An optimization method for convolutional neural networks", equations 6 to 11.
    https://arxiv.org/abs/1909.11015
    The gradient before the first one is zero.
    Tune: as Adam.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, prev):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        friction = sigmoid(abs(prev - grad))
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * friction * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, grad
