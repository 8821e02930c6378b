"""Steps along the sphere: where weights are followed by a normalization, only their direction matters."""

from ...formula import Unsigned, maximum, row_total, sqrt, total, total_square, where
from ...hyper import Betas, Decay, Fraction, NonNegative
from ...optimizer import Optimizer

__all__ = ["SGDP", "AdamP"]

SMALLEST_SHARE = 1e-3
"""What a mask is divided by at least: timm's number."""

UNMASKED = {"cautious": "its mask is to go by the sphere, too, as that of cautious_on_sphere=True does"}


class SGDP(Optimizer):
    """Momentum without its part along the weights, where gradients stand at right angles to the weights.

    Heo et al. 2021, "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights", algorithm 1,
    with weight decay as in the authors' code: multiplied by lr / (1 - momentum).
    https://arxiv.org/abs/2006.08217
    `cautious_on_sphere` is that of AdamP.
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
    cautious_on_sphere: bool = False

    for_complex = "AdamW"
    spellings = {"caution": "cautious_on_sphere"}
    counts_steps = False
    refuses = UNMASKED

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = self.momentum * momentum_buffer + (1 - self.dampening) * grad
        step = grad + self.momentum * momentum_buffer if self.nesterov else momentum_buffer
        step, decaying = projected(self, param, grad, step)
        param = param - self.lr * self.weight_decay / (1 - self.momentum) * decaying
        return param - self.lr * step, momentum_buffer


class AdamP(Optimizer):
    """Adam without the part of a step along the weights, where gradients stand at right angles to the weights.

    Heo et al. 2021, "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights", algorithm 2.
    https://arxiv.org/abs/2006.08217
    There a step along the weights only makes them grow, and all later steps smaller. First the angle of each row (an
    index of the first dimension, such as a channel of a convolution) is looked at; if all are right angles, each row
    loses its part. Else the angle of the whole tensor decides. Vectors take Adam's steps. `delta`: the largest cosine
    of such angles, over the root of a row's size; `wd_ratio`: the share of the (decoupled) weight decay that is left
    there. `cautious_on_sphere` masks what goes against the gradient, once the step and the gradient are on the sphere,
    as timm's caution does; the mask is scaled up by the share that it leaves.
    Tune: Adam's lr and AdamW's weight_decay.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    delta: NonNegative = 0.1
    wd_ratio: Fraction = 0.1
    nesterov: bool = False
    cautious_on_sphere: bool = False

    for_complex = "AdamW"
    spellings = {"caution": "cautious_on_sphere"}
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


def projected(self, param, grad, step):
    """Give the step, less its part along the weights where that is idle, and what of the weights decays."""
    if not self.is_matrix:
        return masked(self, grad, step), param
    by_rows, as_whole = idle(self, param, grad)
    rows = param / (sqrt(row_total(param * param)) + self.eps)
    whole = param / (sqrt(total_square(param)) + self.eps)

    def on_sphere(x):
        along_whole = where(as_whole, whole * total(whole * x), 0 * x)
        return x - where(by_rows, rows * row_total(rows * x), along_whole)

    step = on_sphere(step)
    if self.cautious_on_sphere:
        step = on_sphere(masked(self, on_sphere(grad), step))
    less = self.wd_ratio * param
    return step, where(by_rows, less, where(as_whole, less, param))


def idle(self, param, grad):
    """Tell if gradients stand at right angles to all rows of the weights, and if to the weights as a whole."""
    lengths, slopes = sqrt(row_total(param * param)), sqrt(row_total(grad * grad))
    cosines = abs(row_total(param * grad)) / (maximum(lengths, self.eps) * maximum(slopes, self.eps))
    length, slope = sqrt(total_square(param)), sqrt(total_square(grad))
    cosine = abs(total(param * grad)) / (maximum(length, self.eps) * maximum(slope, self.eps))
    by_rows = total(cosines < self.delta / sqrt(self.columns)) >= self.rows
    return by_rows, cosine < self.delta / sqrt(self.numel)


def masked(self, grad, step):
    """Leave out what goes against the gradient, if that is asked for."""
    if not self.cautious_on_sphere:
        return step
    agrees = where(step * grad > 0, 1, 0 * step)
    return step * agrees / maximum(total(agrees) / self.numel, SMALLEST_SHARE)
