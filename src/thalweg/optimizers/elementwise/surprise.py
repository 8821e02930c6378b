"""Adam with another measure of how much gradients vary."""

from ...formula import Unsigned, maximum, sign, sqrt, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .parts import l2
from .warmup import rectified

__all__ = ["ACProp", "AdaBelief", "Yogi"]


class AdaBelief(Optimizer):
    """Adam that divides by how far gradients are from their mean: long steps where they are as expected.

    Zhuang et al. 2020, "AdaBelief optimizer: Adapting stepsizes by the belief in observed gradients", algorithm 2, with
    eps added to the mean square in each step, too. https://arxiv.org/abs/2010.07468
    `rectify` waits with the division until the mean square is known well, as RAdam does.
    Tune: as Adam, except for eps, which matters here: 1e-16 for float32, 1e-8 where training is unstable.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-16
    weight_decay: NonNegative = 0
    rectify: bool = False

    def update(self, param, grad, exp_avg, exp_avg_var: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        surprise = grad - exp_avg
        exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * surprise * surprise + self.eps
        m_hat = exp_avg / (1 - beta1**self.step_count)
        correction = 1 - beta2**self.step_count
        if not self.rectify:
            return param - self.lr * m_hat / (sqrt(exp_avg_var / correction) + self.eps), exp_avg, exp_avg_var
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * self.step_count * beta2**self.step_count / correction
        size = rectified(rho, rho_inf) * sqrt(correction) / (sqrt(exp_avg_var) + self.eps)
        return param - self.lr * where(rho >= 5, size * m_hat, m_hat), exp_avg, exp_avg_var


class Yogi(Optimizer):
    """Adam whose mean square moves by a share of the newest square, up or down: it forgets slowly.

    Zaheer et al. 2018, "Adaptive methods for nonconvex optimization", algorithm 2, with the bias corrections of later
    code, which the paper does not have. https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
    Both means start at `initial_accumulator`.
    Tune: as Adam, lr about 10 times larger and eps 1e-3.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-3
    weight_decay: NonNegative = 0
    initial_accumulator: NonNegative = 1e-6

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        square = grad * grad
        exp_avg_sq = exp_avg_sq - (1 - beta2) * sign(exp_avg_sq - square) * square
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq

    def initial_exp_avg(self):
        """Not zero, as in the authors' code."""
        return self.initial_accumulator

    def initial_exp_avg_sq(self):
        """Not zero, so that the first division is by a number."""
        return self.initial_accumulator


class ACProp(Optimizer):
    """Divide by how far earlier gradients were from their mean: no step is shortened by its own gradient.

    Zhuang et al. 2021, "Momentum centering and asynchronous update for adaptive gradient methods", with a bias
    correction, and with eps added to the mean square in each step, too. https://arxiv.org/abs/2110.05454
    The first step is that of gradient descent, as nothing is known before it.
    Tune: as AdaBelief.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-16
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_var: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        before = exp_avg_var / (1 - beta2 ** maximum(self.step_count - 1, 1))
        size = where(self.is_first_step, 1 + 0 * before, sqrt(before))
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        surprise = grad - exp_avg
        exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * surprise * surprise + self.eps
        return param - self.lr * grad / (size + self.eps), exp_avg, exp_avg_var
