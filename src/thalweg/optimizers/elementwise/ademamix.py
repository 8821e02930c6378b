"""A fast and a slow mean of gradients together."""

from ...formula import Unsigned, exp, log, minimum, sqrt, where
from ...hyper import Betas, Decay, NonNegative, Positive, ThreeBetas
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdEMAMix", "SimplifiedAdEMAMix"]


class AdEMAMix(Optimizer):
    """AdamW with a second, very slow mean of gradients: what was learned long ago still counts.

    Pagliardini, Ablin & Grangier 2024, "The AdEMAMix optimizer: Better, faster, older", algorithm 1, with weights that
    decay apart from the gradient. https://arxiv.org/abs/2409.03137
    `alpha` is the weight of the slow mean; over `t_alpha` steps it grows from 0, and over `t_beta3` steps the slow
    mean's half-life grows from that of betas[0] to that of betas[2]; None leaves a warm-up out.
    Tune: as AdamW, with t_alpha and t_beta3 the number of all steps, and alpha from 4 to 10.
    """

    lr: NonNegative = 1e-3
    betas: ThreeBetas = (0.9, 0.999, 0.9999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    alpha: NonNegative = 5.0
    t_alpha: Positive | None = None
    t_beta3: Positive | None = None

    def update(self, param, grad, exp_avg, exp_avg_slow, exp_avg_sq: Unsigned):
        beta1, beta2, beta3 = self.betas
        grad = l2(self, param, grad)
        alpha = self.alpha
        if self.t_alpha is not None:
            alpha = alpha * minimum(self.step_count / self.t_alpha, 1)
        if self.t_beta3 is not None:
            beta3 = with_growing_half_life(self.step_count / self.t_beta3, beta1, beta3)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_slow = beta3 * exp_avg_slow + (1 - beta3) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        param = param - self.lr * (m_hat + alpha * exp_avg_slow) / (sqrt(v_hat) + self.eps)
        return param, exp_avg, exp_avg_slow, exp_avg_sq


class SimplifiedAdEMAMix(Optimizer):
    """One slow mean of gradients, to which the newest gradient is added.

    Morwani et al. 2025, "Connections between Schedule-Free optimizers, AdEMAMix, and accelerated SGD variants",
    section 5, with both corrected for starting at zero. https://arxiv.org/abs/2502.02431
    `alpha` is the weight of the newest gradient beside the mean; over `beta1_warmup` steps the mean's half-life grows
    from that of `min_beta1` to that of betas[0].
    Tune: as AdamW, with a smaller lr: each step is 1 + alpha times larger.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9999, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    alpha: NonNegative = 2.0
    beta1_warmup: Positive | None = None
    min_beta1: Decay = 0.9

    def update(self, param, grad, momentum_buffer, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        if self.beta1_warmup is not None:
            beta1 = with_growing_half_life(self.step_count / self.beta1_warmup, self.min_beta1, beta1)
        momentum_buffer = beta1 * momentum_buffer + grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = momentum_buffer * ((1 - beta1) / (1 - beta1**self.step_count))
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * (self.alpha * grad + m_hat) / (sqrt(v_hat) + self.eps), momentum_buffer, exp_avg_sq


def with_growing_half_life(share, start, end):
    """Give the decay whose half-life is that share of the way from one decay's to another's."""
    share = minimum(share, 1)
    return where(share < 1, exp(1 / ((1 - share) / log(start) + share / log(end))), end)
