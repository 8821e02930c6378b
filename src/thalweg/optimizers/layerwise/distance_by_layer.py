"""The distance from the start over the size of all gradients, as a rate for each parameter."""

from ...formula import Copy, Scalar, maximum, sqrt, total_square, where
from ...hyper import NonNegative, Positive
from ...optimizer import Optimizer
from .trust_ratio import norm

__all__ = ["LDoG"]


class LDoG(Optimizer):
    """Each parameter's rate is its largest distance from its start over the root of its summed squared gradients.

    Ivgi, Hinder & Carmon 2023, "DoG is SGD's best friend: a parameter-free dynamic step size schedule", section 3.2:
    layer-wise DoG. https://arxiv.org/abs/2302.12022
    A parameter first moves by `reps_rel` times 1 plus its norm; or `init_eta`, if it is given, is the first rate.
    `weight_decay` is added to gradients. The authors say that averaging is crucial: `ema_decay=0.999`, and evaluate
    within `averaged()`.
    Tune: nothing; reps_rel 1e-4 for models with batch normalization.
    """

    lr: NonNegative = 1.0
    reps_rel: Positive = 1e-6
    weight_decay: NonNegative = 0
    eps: NonNegative = 1e-8
    init_eta: Positive | None = None

    counts_steps = False
    refuses = {"decoupled_weight_decay": "its lr is no rate that weights could decay by"}

    def update(self, param, grad, x0: Copy, distance: Scalar, square_sum: Scalar):
        grad = grad + self.weight_decay * param
        square_sum = square_sum + total_square(grad)
        first = self.reps_rel * (1 + norm(param)) if self.init_eta is None else 0
        distance = where(self.is_first_step, first, maximum(distance, norm(param - x0)))
        rate = self.lr * distance / sqrt(square_sum + self.eps)
        if self.init_eta is not None:
            rate = where(self.is_first_step, self.init_eta, rate)
        return param - rate * grad, x0, distance, square_sum
