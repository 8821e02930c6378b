"""Adam that finds its learning rate: from how far the gradients say that the solution is."""

from math import inf
from typing import Annotated, Any, ClassVar

from ...formula import Copy, Unsigned, maximum, minimum, sqrt, total, where
from ...hyper import Betas, Decay, NonNegative, Positive, Range
from ...optimizer import Optimizer

__all__ = ["Prodigy"]


class Prodigy(Optimizer):
    """Adam in units of d, an estimate of the distance to the solution, which grows as gradients reveal it.

    Mishchenko & Defazio 2024, "Prodigy: An expeditiously adaptive parameter-free learner", algorithm 4, with the
    options of the authors' code (where eps is multiplied by the d after the step). https://arxiv.org/abs/2306.06101
    A group's `d` is the estimate, the same for all groups; each group's own lr counts, and lr * d is its learning rate.
    `growth_rate` bounds how many times larger `d` may become in a step; `safeguard_warmup` keeps a warm-up's small lr
    out of the estimate; `decouple` lets weights decay apart from the gradient. A group whose lr is 0 does not move, and
    has no part in the estimate.
    Tune: leave lr at 1, with a cosine down to zero; d_coef from 0.5 to 2 for smaller or larger estimates.
    """

    lr: NonNegative = 1.0
    betas: Betas = (0.9, 0.999)
    beta3: Decay | None = None
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    decouple: bool = True
    use_bias_correction: bool = False
    safeguard_warmup: bool = False
    d0: Positive = 1e-6
    d_coef: Positive = 1.0
    growth_rate: Annotated[float, Range(1)] = inf

    d: ClassVar[Any]
    d_max: ClassVar[Any]
    d_numerator: ClassVar[Any]

    measures = ("progress", "distance")
    learned = ("d", "d_max", "d_numerator")
    refuses = {"decoupled_weight_decay": "it would leave d out of the decay, which decouple=True has"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, s, p0: Copy):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, exp_avg_sq, s, p0, nothing, nothing
        beta1, beta2 = self.betas
        rate = self.lr * self.d
        if self.use_bias_correction:
            rate = rate * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        if not self.decouple:
            grad = grad + self.weight_decay * param
        progress = total(self.d / self.d0 * rate * grad * (p0 - param))
        exp_avg = beta1 * exp_avg + (1 - beta1) * self.d * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * self.d**2 * grad * grad
        s = self.retention() * s + self.d / self.d0 * (self.d if self.safeguard_warmup else rate) * grad
        if self.decouple:
            param = param * (1 - rate * self.weight_decay)
        param = param - rate * exp_avg / (sqrt(exp_avg_sq) + self.d * self.eps)
        return param, exp_avg, exp_avg_sq, s, p0, progress, total(abs(s))

    def retention(self):
        """Give the share of old gradients in the estimate."""
        return sqrt(self.betas[1]) if self.beta3 is None else self.beta3

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate."""
        return {"d": options["d0"], "d_max": options["d0"], "d_numerator": 0.0}

    def learn(self, progress, distance):
        """Estimate the distance anew, and never smaller; without a gradient nothing is learned."""
        d_numerator = self.retention() * self.d_numerator + progress
        d_hat = self.d_coef * d_numerator / distance
        d_max = maximum(self.d_max, d_hat)
        # The first estimate is free to jump.
        d = where(self.d > self.d0, self.d, maximum(self.d, d_hat))
        grown = d_max if self.growth_rate == inf else minimum(d_max, d * self.growth_rate)
        new = {"d": grown, "d_max": d_max, "d_numerator": d_numerator}
        return {name: where(distance > 0, value, getattr(self, name)) for name, value in new.items()}
