"""Adam that divides by old gradients: what a step is divided by does not know what it is a step along."""

from typing import Annotated

from ...formula import Unsigned, maximum, sqrt, where
from ...hyper import Betas, NonNegative, Whole
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdaShift"]

MOST = 10
"""How many gradients can be kept."""


class AdaShift(Optimizer):
    """Adam whose mean square is taken of gradients that are several steps old, and whose mean of those since then.

    Zhou et al. 2019, "AdaShift: Decorrelation and convergence of adaptive learning rate methods", algorithm 2, each
    element by itself. https://arxiv.org/abs/1810.00143
    `keep_num` gradients are kept, from 1 to 10; their weights in the mean fall by betas[0]. The first keep_num steps
    only look at gradients. Gradients are kept as they are, whatever `state_dtype` says of the means: one that was
    rounded to zero would let a step explode.
    Tune: lr 10 times Adam's; betas[0] 0.9 with all 10, or keep_num 1.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    keep_num: Annotated[int, Whole(1, MOST)] = MOST
    eps: NonNegative = 1e-10
    weight_decay: NonNegative = 0

    precise = frozenset(f"kept_{place}" for place in range(MOST))
    # Each phase has a place of its own for the gradient that it keeps: only that one is read and written. The last one
    # named, which every phase is thought to need, is the place that is always there.
    phases = tuple(f"place {place}" for place in reversed(range(MOST)))

    def update(
        self,
        param,
        grad,
        exp_avg,
        exp_avg_sq: Unsigned,
        kept_0,
        kept_1,
        kept_2,
        kept_3,
        kept_4,
        kept_5,
        kept_6,
        kept_7,
        kept_8,
        kept_9,
    ):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        kept = [kept_0, kept_1, kept_2, kept_3, kept_4, kept_5, kept_6, kept_7, kept_8, kept_9]
        place = next(place for place in range(MOST) if self.phase == f"place {place}")
        old, kept[place] = kept[place], grad
        weights = sum(beta1**age for age in range(self.keep_num))
        exp_avg = beta1 * (exp_avg - beta1 ** (self.keep_num - 1) / weights * old) + grad / weights
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * old * old
        v_hat = exp_avg_sq / (1 - beta2 ** maximum(self.step_count - self.keep_num, 1))
        is_known = self.step_count > self.keep_num
        step = exp_avg / (sqrt(v_hat) + self.eps)
        return param - self.lr * where(is_known, step, 0 * grad), exp_avg, exp_avg_sq, *kept

    @classmethod
    def phase_of(cls, options, step):
        """Go round the places."""
        return f"place {(step - 1) % options['keep_num']}"
