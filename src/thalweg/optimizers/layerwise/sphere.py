"""Weights whose length stays: a step only turns them."""

from ...formula import Scalar, Unsigned, sqrt, total, total_square, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .trust_ratio import norm, ratio

__all__ = ["AdamH"]


class AdamH(Optimizer):
    """Adam on a sphere: each matrix keeps the length that it began with, and a step moves it by a share lr of that.

    Wen et al. 2026, "Fantastic pretraining optimizers and where to find them II: hyperball optimization", around Adam.
    https://arxiv.org/abs/2606.16899
    There is no weight decay, as lengths do not change. Vectors and numbers, and what begins as zeros, have no length to
    keep: they are Adam's.
    Tune: lr is the angle of a step, about 0.02 at its peak whatever the width, with a warm-up and a decay.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.95)
    eps: NonNegative = 1e-8

    refuses = {"cautious": "a step whose parts rest would have another angle"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, radius: Scalar):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        direction = m_hat / (sqrt(v_hat) + self.eps)
        if self.ndim < 2:
            return param - self.lr * direction, exp_avg, exp_avg_sq, radius
        radius = where(self.is_first_step, norm(param), radius)
        return turned(param, direction, self.lr, radius), exp_avg, exp_avg_sq, radius


def turned(param, direction, angle, radius):
    """Step along a direction by a share of the radius, and go back to it; a radius of zero is none."""
    step = angle * ratio(radius, norm(direction))
    # The length after the step is known from sums of before it.
    across = total_square(param) - 2 * step * total(param * direction) + step * step * total_square(direction)
    length = sqrt(across)
    return (param - step * direction) * where(radius > 0, where(length > 0, radius / length, 1), 1)
