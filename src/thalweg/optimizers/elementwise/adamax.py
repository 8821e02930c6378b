"""The mean gradient over the largest of the recent ones."""

from ...formula import Unsigned, maximum
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdaMax", "Adamax"]


class AdaMax(Optimizer):
    """Adam with the largest recent gradient in place of the root mean square.

    Kingma & Ba 2015, "Adam: A method for stochastic optimization", algorithm 2. https://arxiv.org/abs/1412.6980
    `eps` is added to the gradient's size, as in torch.optim, so that a first gradient of zero does not lead to a
    division by zero.
    Tune: as Adam, lr about twice as large.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-38
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_inf: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_inf = maximum(beta2 * exp_inf, abs(grad) + self.eps)
        return param - self.lr / (1 - beta1**self.step_count) * exp_avg / exp_inf, exp_avg, exp_inf


class Adamax(AdaMax):
    """AdaMax with torch.optim's defaults.

    Kingma & Ba 2015, "Adam: A method for stochastic optimization", algorithm 2. https://arxiv.org/abs/1412.6980
    """

    lr: NonNegative = 2e-3
    eps: NonNegative = 1e-8
