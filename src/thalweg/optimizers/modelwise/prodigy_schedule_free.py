"""Prodigy without a schedule: it finds its learning rate, and its result is a mean of its points."""

from typing import Any, ClassVar

from ...formula import Copy, Scalar, Unsigned, maximum, minimum, sqrt, total, total_square, where
from ...hyper import Decay, NonNegative, Positive
from ..elementwise.schedule_free import NewestAndMean, OpenBetas, moved

__all__ = ["ProdigyScheduleFree"]

FASTEST = 2**0.25
"""How many times larger the estimate may become in a step, as in the authors' code."""


class ProdigyScheduleFree(NewestAndMean):
    """Schedule-Free AdamW in units of d, Prodigy's estimate of the distance to the solution.

    Mishchenko & Defazio 2024, "Prodigy", https://arxiv.org/abs/2306.06101, and Defazio et al. 2024, "The road less
    scheduled", https://arxiv.org/abs/2405.15682, as prodigy-plus-schedule-free 2.0 joins the two.
    https://github.com/LoganBooker/prodigy-plus-schedule-free
    A group's `d` is the estimate, the same for all groups, and lr * d its learning rate; `d_limiter` lets `d` grow by a
    quarter power of 2 in a step at most. Steps whose root mean square is above 1 are divided by its root. Gradients are
    taken betas[0] of the way from the fast point z to the mean, where weights decay, too. Call `eval()` before
    validation and `train()` after it. All elements count in the estimate, and the second moment is whole.
    Tune: leave lr at 1; d_coef from 0.5 to 2 for smaller or larger estimates.
    """

    lr: NonNegative = 1.0
    betas: OpenBetas = (0.9, 0.99)
    beta3: Decay | None = None
    weight_decay: NonNegative = 0
    eps: NonNegative = 1e-8
    d0: Positive = 1e-6
    d_coef: Positive = 1.0
    d_limiter: bool = True

    d: ClassVar[Any]
    d_numerator: ClassVar[Any]

    measures = ("progress", "distance")
    learned = ("d", "d_numerator")

    def update(self, param, grad, z: Copy, exp_avg_sq: Unsigned, s, p0: Copy, weight_sum: Scalar):
        beta1, beta2 = self.betas
        rate = self.lr * self.d
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * self.d**2 * grad * grad
        step = self.d * grad / (sqrt(exp_avg_sq) + self.d * self.eps)
        step = step / sqrt(maximum(sqrt(total_square(step) / self.numel), 1))
        weight = self.d**2 / self.d0
        progress = total(weight * grad * (p0 - z))
        s = self.retention() * s + weight * grad
        step = step + self.weight_decay * param if self.weight_decay else step
        weight_sum = weight_sum + rate * rate
        share = where(weight_sum > 0, rate * rate / weight_sum, 0)
        new = moved(param, z, share, beta1, rate, step)
        return new, z - rate * step, exp_avg_sq, s, p0, weight_sum, progress, total(abs(s))

    def towards_the_mean(self):
        return self.betas[0]

    def retention(self):
        """Give the share of old gradients in the estimate."""
        return sqrt(self.betas[1]) if self.beta3 is None else self.beta3

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate."""
        return {"d": options["d0"], "d_numerator": 0.0}

    def learn(self, progress, distance):
        """Estimate the distance anew, and never smaller; what goes back counts once there has been progress."""
        counts = where(self.d > self.d0, progress, maximum(progress, 0))
        numerator = self.retention() * self.d_numerator + counts
        d_hat = numerator / distance
        d_hat = minimum(self.d * FASTEST, d_hat) if self.d_limiter else d_hat
        d = maximum(self.d, self.d_coef * d_hat)
        new = {"d": d, "d_numerator": numerator}
        return {name: where(distance > 0, value, getattr(self, name)) for name, value in new.items()}
