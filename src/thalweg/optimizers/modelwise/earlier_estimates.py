"""D-Adaptation with other bounds on the distance: the one that was published first, and a tighter one for Adan."""

from math import inf
from typing import Any, ClassVar

from ...formula import Unsigned, sqrt, total, where
from ...hyper import Betas, NonNegative, Positive, ThreeBetas
from ...optimizer import Optimizer
from .d_adaptation import OTHERWISE, DAdaptAdam, DAdaptAdan, Growth, by_all_steps, grown, where_known

__all__ = ["DAdaptAdamPreprint", "DAdaptAdanIP"]


class DAdaptAdamPreprint(Optimizer):
    """Adam in units of d, by the bound of the preprint: the sum of all steps, less what each gradient has cost.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", first version, as in the authors' package,
    which keeps it beside DAdaptAdam because some trainings go better with it. https://arxiv.org/abs/2301.07733
    Options are those of DAdaptAdam.
    Tune: leave lr at 1, with the schedule that Adam would have.
    """

    lr: NonNegative = 1.0
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    decouple: bool = False
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    gsq_weighted: ClassVar[Any]

    counts_steps = False
    measures = ("square", "distance", "gradients")
    learned = ("d", "gsq_weighted")
    refuses = OTHERWISE
    start = DAdaptAdan.start

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, s):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, exp_avg_sq, s, nothing, nothing, nothing
        beta1, beta2 = self.betas
        rate = self.lr * self.d
        if not self.decouple:
            grad = grad + self.weight_decay * param
        exp_avg = beta1 * exp_avg + (1 - beta1) * rate * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        root = sqrt(exp_avg_sq) + self.eps
        s = beta2 * s + (1 - beta2) * rate * grad
        if self.decouple:
            param = param * (1 - rate * self.weight_decay)
        sums = total(s * s / root), total(abs(s)), total(rate * grad * rate * grad / root)
        return param - exp_avg / root, exp_avg, exp_avg_sq, s, *sums

    def learn(self, square, distance, gradients):
        """Estimate the distance anew, and never smaller."""
        return by_all_steps(self, self.betas[1], square, distance, gradients)


class DAdaptAdanIP(Optimizer):
    """Adan in units of d, by inner products of gradients and steps: a tighter bound, and longer steps.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", https://arxiv.org/abs/2301.07733; the rule
    is that of the authors' package, where it is called experimental.
    Options are those of DAdaptAdan.
    Tune: leave lr at 1, with the schedule that Adan would have.
    """

    lr: NonNegative = 1.0
    betas: ThreeBetas = (0.98, 0.92, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.02
    no_prox: bool = False
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    numerator_weighted: ClassVar[Any]

    counts_steps = False
    measures = ("progress", "distance")
    learned = ("d", "numerator_weighted")
    refuses = OTHERWISE
    start = DAdaptAdam.start

    def update(self, param, grad, exp_avg, exp_avg_diff, exp_avg_sq: Unsigned, s, prev):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, exp_avg_diff, exp_avg_sq, s, prev, nothing, nothing
        beta1, beta2, beta3 = self.betas
        rate = self.lr * self.d
        change = where(self.is_first_step, 0 * grad, grad - prev)
        ahead = grad + beta2 * change
        progress = total(rate * grad * s / (sqrt(exp_avg_sq) + self.eps))
        exp_avg = beta1 * exp_avg + (1 - beta1) * rate * grad
        exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * rate * change
        exp_avg_sq = beta3 * exp_avg_sq + (1 - beta3) * ahead * ahead
        s = beta3 * s + (1 - beta3) * rate * grad
        if self.no_prox:
            param = param * (1 - rate * self.weight_decay)
        param = param - (exp_avg + beta2 * exp_avg_diff) / (sqrt(exp_avg_sq) + self.eps)
        if not self.no_prox:
            param = param / (1 + rate * self.weight_decay)
        return param, exp_avg, exp_avg_diff, exp_avg_sq, s, grad, progress, total(abs(s))

    def learn(self, progress, distance):
        """Estimate the distance anew, and never smaller."""
        beta3 = self.betas[2]
        numerator = beta3 * self.numerator_weighted + (1 - beta3) * progress
        d = grown(self, 2 * beta3 / (1 - beta3) * numerator / distance)
        return where_known(self, distance, {"d": d, "numerator_weighted": numerator})
