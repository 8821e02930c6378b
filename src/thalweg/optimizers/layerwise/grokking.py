"""AdamW for models that have learned their examples by heart, and are to find the rule."""

from dataclasses import KW_ONLY
from typing import Literal

from ...formula import Unsigned, exp, sqrt
from ...hyper import Betas, Fraction, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["GrokAdamW"]


class GrokAdamW(Optimizer):
    """AdamW on gradients to which their slow mean is added; it forgets faster when validation is worse.

    Kaddour's GrokAdamW as written by Hartford 2024, https://github.com/cognitivecomputations/grokadamw, after Lee et
    al. 2024, "Grokfast: Accelerated grokking by amplifying slow gradients", https://arxiv.org/abs/2405.20233
    Set `optimizer.grokking_signal` after each validation to how much worse it is than training, as a share: 0 to 1.
    `alpha_init` is the slow mean's decay at a signal of 0, `lamb` its weight, and `gamma` the share by which a
    parameter's momentum is shorter than that of the parameter before it in the optimizer; the author's code counts
    parameters anew in each group.
    Tune: as AdamW; each gradient is clipped to a norm of 1, unless max_tensor_norm is another.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    alpha_init: Fraction = 0.98
    lamb: NonNegative = 2.0
    gamma: Fraction = 0.1
    grokking_signal: NonNegative = 0.0
    grokking_signal_decay_rate: NonNegative = 0.1
    _: KW_ONLY
    max_tensor_norm: Positive | None = 1.0
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, grok_ema):
        beta1, beta2 = self.betas
        alpha = self.alpha_init * exp(-self.grokking_signal_decay_rate * self.grokking_signal)
        grok_ema = alpha * grok_ema + (1 - alpha) * grad
        grad = grad + self.lamb * grok_ema
        own_beta1 = beta1 * (1 - self.gamma) ** self.param_index
        exp_avg = own_beta1 * exp_avg + (1 - own_beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        return param - size * exp_avg / (sqrt(exp_avg_sq) + self.eps), exp_avg, exp_avg_sq, grok_ema
