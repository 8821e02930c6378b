"""Adam that looks at all of a parameter's gradients before it steps."""

from typing import ClassVar

from ...formula import Unsigned, maximum, sqrt, total, total_square
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer

__all__ = ["Aida", "StableAdamW"]


class StableAdamW(Optimizer):
    """AdamW with shorter steps while gradients exceed their running mean, so that no other clipping is needed.

    Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language models", algorithm 2: the
    update clipping of Adafactor, with bias corrections inside of the betas. https://arxiv.org/abs/2304.13013
    Weights decay by the reduced rate.
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


class Aida(Optimizer):
    """AdaBelief that compares gradient and mean after projecting them on each other: step sizes vary less.

    Zhang, Niwa & Kleijn 2023, "On suppressing range of adaptive stepsizes of Adam to improve generalisation
    performance", algorithm 1 with two rounds of projections. https://arxiv.org/abs/2302.01029
    `xi` is a small number that keeps a projection on zero from dividing by zero.
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
        grad = grad + self.weight_decay * param
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
