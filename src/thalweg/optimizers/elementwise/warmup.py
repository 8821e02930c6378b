"""Adam that warms up by itself: its momentum, or its step size."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Scalar, Unsigned, maximum, sqrt, where
from ...hyper import Betas, Count, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["NAdam", "RAdam", "Ranger"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: it looks ahead along the mean, by a share that grows from beta1 / 2 to beta1.

    Dozat 2016, "Incorporating Nesterov momentum into Adam", algorithm 2, with the mean itself taken by beta1, as in
    torch.optim. https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    Tune: as Adam, lr about twice as large; `momentum_decay` of 0.004 warms up over some 4,000 steps.
    """

    lr: NonNegative = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: bool = False

    torchs_numbers = frozenset({"mu_product"})

    def update(self, param, grad, mu_product: Scalar, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        mu = beta1 * (1 - 0.5 * 0.96 ** (self.step_count * self.momentum_decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((self.step_count + 1) * self.momentum_decay))
        mu_product = mu_product * mu
        ahead = mu_next * exp_avg / (1 - mu_product * mu_next) + (1 - mu) * grad / (1 - mu_product)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * ahead / (sqrt(v_hat) + self.eps), mu_product, exp_avg, exp_avg_sq

    def initial_mu_product(self):
        """A product of nothing."""
        return 1


class RAdam(Optimizer):
    """Adam that takes steps of momentum until the mean square is known well, then steps that grow to Adam's.

    Liu et al. 2020, "On the variance of the adaptive learning rate and beyond", algorithm 2, with the authors' code's
    threshold of 5 for rho, and eps beside the uncorrected root, as in torch.optim. https://arxiv.org/abs/1908.03265
    Tune: as Adam, and leave out the warm-up of the learning rate.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    decoupled_weight_decay: bool = False

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        correction = 1 - beta2**self.step_count
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * self.step_count * beta2**self.step_count / correction
        size = rectified(rho, rho_inf) * sqrt(correction) / (sqrt(exp_avg_sq) + self.eps)
        return param - self.lr * where(rho > 5, size * m_hat, m_hat), exp_avg, exp_avg_sq


class Ranger(RAdam):
    """RAdam that walks six steps ahead and half of the way back, on gradients whose rows have a mean of zero.

    Wright 2019, "Ranger: A synergistic optimizer", https://github.com/lessw2020/Ranger-Deep-Learning-Optimizer: RAdam
    (Liu et al. 2020, https://arxiv.org/abs/1908.03265) within Lookahead (Zhang et al. 2019, algorithm 1,
    https://arxiv.org/abs/1907.08610), with gradient centralization (Yong et al. 2020, equation 1,
    https://arxiv.org/abs/2004.01461).
    It is RAdam with `lookahead=6` and `gradient_centralization=True`, which can be changed or left out here, too.
    Tune: as RAdam; the author lets lr stay for three quarters of a run, and then fall along a cosine.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.95, 0.999)
    eps: NonNegative = 1e-5
    weight_decay: NonNegative = 0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True
    gradient_centralization: bool = True
    lookahead: Count | None = 6

    spellings = {"k": "lookahead", "alpha": "lookahead_alpha"}


def rectified(rho, rho_inf):
    """How far a mean square over rho gradients is to be trusted, next to one over all of them: 0 to 1."""
    rho, rho_inf = maximum(rho, 5), maximum(rho_inf, 5)  # below, the result is not used, but must have gradients
    return sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
