"""Adam that looks at all of a parameter's gradients before it steps."""

from dataclasses import KW_ONLY
from typing import ClassVar, Literal

from ...formula import Unsigned, maximum, sqrt, total, total_square, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from ..elementwise.parts import l2
from .trust_ratio import norm

__all__ = ["MARS", "Aida", "StableAdamW"]


class StableAdamW(Optimizer):
    """AdamW that slows down where a gradient is larger than its running mean says: no other clipping is needed.

    Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language models", algorithm 2: the
    update clipping of Adafactor, with bias corrections inside of the betas. https://arxiv.org/abs/2304.13013
    Weights decay by the rate that is left.
    Tune: as AdamW, without max_grad_norm.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.99)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 1e-2

    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, by the rate that is left"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        weight1, weight2 = (1 - beta1) / (1 - beta1**self.step_count), (1 - beta2) / (1 - beta2**self.step_count)
        exp_avg = (1 - weight1) * exp_avg + weight1 * grad
        exp_avg_sq = (1 - weight2) * exp_avg_sq + weight2 * grad * grad
        surprise = total(grad * grad / maximum(exp_avg_sq, self.eps * self.eps)) / self.numel
        rate = self.lr / maximum(1, sqrt(surprise))
        if self.weight_decay:
            param = param * (1 - rate * self.weight_decay)
        return param - rate * exp_avg / (sqrt(exp_avg_sq) + self.eps), exp_avg, exp_avg_sq


class MARS(Optimizer):
    """AdamW on gradients that are corrected by their last change, which takes noise out of them.

    Yuan et al. 2024, "MARS: Unleashing the power of variance reduction for training large models", algorithm 2 with the
    gradient of the last batch, as in the authors' code. https://arxiv.org/abs/2411.10438
    `gamma` is the share of the correction; a corrected gradient is shortened to a norm of 1.
    Tune: lr 3e-3 to 6e-3 for matrices; the authors leave vectors to AdamW.
    """

    lr: NonNegative = 3e-3
    betas: Betas = (0.95, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    gamma: NonNegative = 0.025
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, prev):
        beta1, beta2 = self.betas
        change = where(self.is_first_step, 0 * grad, grad - prev)
        corrected = grad + self.gamma * (beta1 / (1 - beta1)) * change
        corrected = corrected / maximum(norm(corrected), 1)
        exp_avg = beta1 * exp_avg + (1 - beta1) * corrected
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * corrected * corrected
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, grad


class Aida(Optimizer):
    """AdaBelief that compares gradient and mean after projecting them on each other: step sizes vary less.

    Zhang, Niwa & Kleijn 2023, "On suppressing range of adaptive stepsizes of Adam to improve generalisation
    performance", algorithm 1 with two rounds of projections. https://arxiv.org/abs/2302.01029
    `xi` keeps projections of nothing from being divided by zero.
    Tune: as Adam.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    xi: NonNegative = 1e-20

    rounds: ClassVar[int] = 2

    def update(self, param, grad, exp_avg, exp_avg_var: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        # A projection only scales: with the first sums all later ones are known.
        common, own, mean = total(grad * exp_avg), total_square(grad), total_square(exp_avg)
        on_mean, on_own = 1.0, 1.0
        for _ in range(self.rounds):
            product = on_mean * on_own * common
            on_own, on_mean = (
                on_own * product / (on_own * on_own * own + self.xi),
                on_mean * product / (on_mean * on_mean * mean + self.xi),
            )
        surprise = on_mean * exp_avg - on_own * grad
        exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * surprise * surprise + self.eps
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_var / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_var
