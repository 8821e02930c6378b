"""Gradients whose spikes are cut, and whose norm is steadied, before Adam sees them."""

from ...formula import Rows, Unsigned, floor, row_max, row_total, sqrt, where
from ...formula.matrices.sides import Sides
from ...hyper import Betas, Count, Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["StableSPAM"]


class StableSPAM(Optimizer):
    """Adam on gradients that are cut at their usual maximum and scaled to a steady norm; it forgets now and then.

    Huang et al. 2025, "Stable-SPAM: How to train in 4-bit more stably than 16-bit Adam", algorithm 1.
    https://arxiv.org/abs/2502.17055
    `theta` is the share of the old usual maximum of a parameter's gradient that stays in each step; what is above it is
    cut. `gammas` are the same shares for the means of its norm and of the squared norm, whose quotient is the length
    that Adam is given. `interval` is the number of steps after which the moments start anew, with a new bias
    correction.
    Tune: as AdamW, without max_grad_norm.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    gammas: Betas = (0.7, 0.9)
    theta: Decay = 0.999
    interval: Count = 1000

    spellings = {"update_proj_gap": "interval"}
    refuses = {"gradient_centralization": "a whole parameter is one row for it, and vectors would lose their mean"}
    for_complex = "AdamW"

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, peak: Rows, norm_avg: Rows, norm_sq: Rows):
        (beta1, beta2), (gamma1, gamma2) = self.betas, self.gammas
        largest = row_max(abs(grad))
        peak = self.theta * peak + (1 - self.theta) * largest
        limit = peak / (1 - self.theta**self.step_count)
        grad = where(abs(grad) > limit, grad / largest * limit, grad)
        square = row_total(grad * grad)
        norm_avg = gamma1 * norm_avg + (1 - gamma1) * sqrt(square)
        norm_sq = gamma2 * norm_sq + (1 - gamma2) * square
        root = sqrt(norm_sq / (1 - gamma2**self.step_count)) + self.eps
        length = norm_avg / (1 - gamma1**self.step_count) / root
        grad = where(square > 0, grad / sqrt(square) * length, grad)
        resets = floor(self.step_count / self.interval)
        since = where(resets == 0, self.step_count, self.step_count - resets * self.interval + 1)
        is_new = (resets > 0) & (since == 1)
        exp_avg = beta1 * where(is_new, 0.0, exp_avg) + (1 - beta1) * grad
        exp_avg_sq = beta2 * where(is_new, 0.0, exp_avg_sq) + (1 - beta2) * grad * grad
        m_hat, v_hat = exp_avg / (1 - beta1**since), exp_avg_sq / (1 - beta2**since)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, peak, norm_avg, norm_sq

    @classmethod
    def sides(cls, shape, options):
        """Take the whole parameter as one row."""
        return Sides((), tuple(range(len(shape))), len(shape))
