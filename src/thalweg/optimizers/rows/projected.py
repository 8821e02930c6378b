"""Steps along the sphere: where weights are followed by a normalization, only their direction matters."""

from ...formula import Unsigned, maximum, row_total, sqrt, total, total_square, where
from ...hyper import Betas, Decay, Fraction, NonNegative
from ...optimizer import Optimizer

__all__ = ["SGDP", "AdamP"]

UNMASKED = {"cautious": "how much its weights decay depends on where the step goes that would be masked"}


class SGDP(Optimizer):
    """Momentum without its part along the weights, where gradients stand at right angles to the weights.

    Heo et al. 2021, "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights", algorithm 1,
    with weight decay as in the authors' code: multiplied by lr / (1 - momentum).
    https://arxiv.org/abs/2006.08217
    Tune: SGD's lr and momentum.
    """

    lr: NonNegative = 1e-1
    momentum: Decay = 0.0
    dampening: Fraction = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False
    eps: NonNegative = 1e-8
    delta: NonNegative = 0.1
    wd_ratio: Fraction = 0.1

    counts_steps = False
    refuses = UNMASKED

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = self.momentum * momentum_buffer + (1 - self.dampening) * grad
        step = grad + self.momentum * momentum_buffer if self.nesterov else momentum_buffer
        step, decaying = projected(self, param, grad, step)
        param = param - self.lr * self.weight_decay / (1 - self.momentum) * decaying
        return param - self.lr * step, momentum_buffer

    @classmethod
    def unfit(cls, param, options):
        """Angles are between real vectors."""
        return _unfit(cls, param)


class AdamP(Optimizer):
    """Adam without the part of a step along the weights, where gradients stand at right angles to the weights.

    Heo et al. 2021, "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights", algorithm 2.
    https://arxiv.org/abs/2006.08217
    There a step along the weights only makes them grow, and all later steps smaller. First the angle of each row (an
    index of the first dimension, such as a channel of a convolution) is looked at; if all are right angles, each row
    loses its part. Else the angle of the whole tensor decides. Vectors take Adam's steps. `delta`: the largest cosine
    of such angles, over the root of a row's size; `wd_ratio`: the share of the (decoupled) weight decay that is left
    there.
    Tune: Adam's lr and AdamW's weight_decay.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    delta: NonNegative = 0.1
    wd_ratio: Fraction = 0.1
    nesterov: bool = False

    refuses = UNMASKED

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        mean = beta1 * exp_avg + (1 - beta1) * grad if self.nesterov else exp_avg
        step = mean / (sqrt(exp_avg_sq) / sqrt(1 - beta2**self.step_count) + self.eps)
        step, decaying = projected(self, param, grad, step)
        param = param - self.lr * self.weight_decay * decaying
        return param - self.lr / (1 - beta1**self.step_count) * step, exp_avg, exp_avg_sq

    @classmethod
    def unfit(cls, param, options):
        """Angles are between real vectors."""
        return _unfit(cls, param)


def projected(self, param, grad, step):
    """Give the step, less its part along the weights where that is idle, and what of the weights decays."""
    if not self.is_matrix:
        return step, param
    lengths, slopes = sqrt(row_total(param * param)), sqrt(row_total(grad * grad))
    cosines = abs(row_total(param * grad)) / (maximum(lengths, self.eps) * maximum(slopes, self.eps))
    length, slope = sqrt(total_square(param)), sqrt(total_square(grad))
    cosine = abs(total(param * grad)) / (maximum(length, self.eps) * maximum(slope, self.eps))
    are_all_idle = total(cosines < self.delta / sqrt(self.columns)) >= self.rows
    is_idle = cosine < self.delta / sqrt(self.numel)
    rows, whole = param / (lengths + self.eps), param / (length + self.eps)
    along_whole = where(is_idle, whole * total(whole * step), 0 * step)
    along = where(are_all_idle, rows * row_total(rows * step), along_whole)
    less = self.wd_ratio * param
    return step - along, where(are_all_idle, less, where(is_idle, less, param))


def _unfit(cls, param):
    if param.is_complex():
        return f"{cls.__name__} does not support complex parameters", f"is {param.dtype}: pass it to AdamW"
    return None
