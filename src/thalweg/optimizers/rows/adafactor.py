"""A mean of squares that is kept as one number a row and one a column: next to no memory beside the parameters."""

from dataclasses import KW_ONLY
from math import inf
from typing import Annotated, Literal

from ...formula import Columns, Rows, Unsigned, column_mean, lerp, maximum, minimum, row_mean, sqrt, total_square
from ...formula.matrices.sides import largest_two, last_two, leading_two
from ...hyper import Count, Decay, Epsilons, Fraction, NonNegative, NonPositive, OneOf, Range
from ...optimizer import Optimizer

__all__ = ["AdaLOMO", "Adafactor"]


class Adafactor(Optimizer):
    """Adam's division by the root mean square, of which only the means of rows and columns are kept.

    Shazeer & Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost", algorithms 4, 5 and 6.
    https://arxiv.org/abs/1804.04235
    The defaults, and the meaning of the first five options, are torch.optim's; the others make it what other libraries
    have under this name:

    - Transformers, fairseq, and the authors: `added_eps=True, eps=(1e-30, 1e-3), scaled_decay=True`, with
      `relative_step=False` where a rate is given; `scale_parameter` and `warmup_init` are theirs.
    - timm's `adafactor`: the same, with `min_dim=17, factored="leading"`.
    - timm's `adafactorbv`, from Big Vision (Zhai et al. 2022, "Scaling vision transformers"): `relative_step=False,
      scale_parameter=False, added_eps=True, eps=(1e-30, 0), d=inf, beta1=0.9, beta2_cap=0.999, min_dim=16,
      factored="largest", lr=1`, with a rate schedule.

    `lr`: the largest share of itself that a parameter moves by; `relative_step` lets it fall as one over the root of
    the steps, once that is smaller, and `warmup_init` rise by 1e-6 a step before. `beta2_decay`: the power of the
    step by which the weight of new squares falls; `beta2_cap`: the most that old ones weigh. `eps`: where it is
    `added_eps`, the first is added to each square, else it bounds the roots below, None being the dtype's epsilon; the
    second is the least size that `scale_parameter` takes a parameter to have. `d`: the largest root mean square of a
    direction, inf for any. `weight_decay`: times lr, the share by which weights shrink, or, with `scaled_decay`, times
    the whole step size. `beta1`: the weight of old steps in a running mean of steps, which takes a state of the
    parameter's size.
    `factored` says which dimensions of a tensor are rows and columns: its "last" two, the two "leading" ones of those
    of more than two, or the two "largest"; where one of them is below `min_dim`, all squares are kept.
    Tune: with the defaults, take lr 1e-2; in place of Adam, take its lr, and `relative_step=False,
    scale_parameter=False`.
    """

    lr: NonNegative = 1e-2
    beta2_decay: NonPositive = -0.8
    eps: Epsilons = (None, 1e-3)
    d: Annotated[float, Range(1)] = 1.0
    weight_decay: NonNegative = 0.0
    _: KW_ONLY
    relative_step: bool = True
    warmup_init: bool = False
    scale_parameter: bool = True
    scaled_decay: bool = False
    added_eps: bool = False
    beta1: Decay = 0.0
    beta2_cap: Fraction = 1.0
    min_dim: Count = 1
    factored: Annotated[str, OneOf(("last", "leading", "largest"))] = "last"

    for_complex = "AdamW"

    def update(self, param, grad, variance: Unsigned, row_var: Rows, col_var: Columns, exp_avg):
        square = grad * grad + self.least() if self.added_eps else grad * grad
        share = maximum(self.step_count**self.beta2_decay, 1 - self.beta2_cap)
        if self.is_matrix:
            row_var = lerp(row_var, row_mean(square), share)
            col_var = lerp(col_var, column_mean(square), share)
            size = column_mean(row_var)
            of_rows = row_var / (size if self.added_eps else maximum(size, self.least()))
            scale = 1 / sqrt(of_rows) * (1 / sqrt(col_var))
        else:
            variance = lerp(variance, square, share)
            scale = 1 / sqrt(variance)
        direction = grad * (scale if self.added_eps else minimum(scale, 1 / self.least()))
        if self.d < inf:
            direction = direction / maximum(1, self.rms(direction) / self.d)
        step_size = self.rate() * (maximum(self.eps[1], self.rms(param)) if self.scale_parameter else 1)
        shrink = 1 - self.weight_decay * (step_size if self.scaled_decay else self.lr)
        if not self.beta1:
            return param * shrink - step_size * direction, variance, row_var, col_var, exp_avg
        exp_avg = lerp(exp_avg, step_size * direction, 1 - self.beta1)
        return param * shrink - exp_avg, variance, row_var, col_var, exp_avg

    def rate(self):
        """Give the share of itself that a parameter moves by."""
        if not self.relative_step:
            return self.lr
        most = 1e-6 * self.step_count if self.warmup_init else self.lr
        return minimum(most, 1 / sqrt(self.step_count))

    def rms(self, x):
        """Give the root of the mean of squares."""
        return sqrt(total_square(x) / self.numel)

    def least(self):
        """Give the number that keeps what is divided by from being zero."""
        return self.machine_epsilon if self.eps[0] is None else self.eps[0]

    @classmethod
    def sides(cls, shape, options):
        """Take the dimensions that `factored` names, where both are large enough."""
        find = {"last": last_two, "leading": leading_two, "largest": largest_two}[options["factored"]]
        return find(shape, options["min_dim"])


class AdaLOMO(Adafactor):
    """Adafactor with steps of a share lr of each parameter's size, for stepping in backward: almost no memory.

    Lv et al. 2023, "AdaLomo: low-memory optimization with adaptive learning rate", algorithm 1.
    https://arxiv.org/abs/2310.10195
    `thalweg.in_backward(model, thalweg.AdaLOMO(model.parameters()))` frees each gradient as soon as it is used.
    LOMO (Lv et al. 2023, https://arxiv.org/abs/2306.09782) is the same with `thalweg.SGD`.
    Tune: lr 5e-4 to 1e-3, for fine-tuning all of a large model.
    """

    lr: NonNegative = 1e-3
    eps: Epsilons = (1e-30, 1e-3)
    _: KW_ONLY
    relative_step: Literal[False] = False
    scaled_decay: Literal[True] = True
    added_eps: Literal[True] = True
