"""Nesterov's momentum from differences of gradients."""

from ...formula import Unsigned, sqrt, where
from ...hyper import NonNegative, ThreeBetas
from ...optimizer import Optimizer

__all__ = ["Adan"]


class Adan(Optimizer):
    """Running means of the gradient, of its change, and of the square of the gradient that both predict.

    Xie et al. 2022, "Adan: Adaptive Nesterov momentum algorithm for faster optimizing deep models", algorithm 1, with
    `betas` being 1 minus the paper's. https://arxiv.org/abs/2208.06677
    Decay divides the new parameter by 1 + lr * weight_decay, as in the paper; with decoupled_weight_decay=True it is
    subtracted before the step, as in AdamW.
    Tune: lr 5 to 10 times Adam's, with less warm-up, and weight_decay 0.02.
    """

    lr: NonNegative = 1e-3
    betas: ThreeBetas = (0.98, 0.92, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_diff, exp_avg_sq: Unsigned, prev):
        beta1, beta2, beta3 = self.betas
        change = where(self.is_first_step, 0 * grad, grad - prev)
        ahead = grad + beta2 * change
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * change
        exp_avg_sq = beta3 * exp_avg_sq + (1 - beta3) * ahead * ahead
        m_hat = exp_avg / (1 - beta1**self.step_count)
        d_hat = exp_avg_diff / (1 - beta2**self.step_count)
        v_hat = exp_avg_sq / (1 - beta3**self.step_count)
        param = param - self.lr * (m_hat + beta2 * d_hat) / (sqrt(v_hat) + self.eps)
        if self.weight_decay:
            param = param / (1 + self.lr * self.weight_decay)
        return param, exp_avg, exp_avg_diff, exp_avg_sq, grad
