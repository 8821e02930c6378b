"""Adafactor's direction, trusted as far as it keeps to its own running mean."""

from math import inf
from typing import Annotated

from ...formula import Columns, Rows, Unsigned, column_mean, lerp, maximum, row_mean, sqrt, total_square
from ...formula.matrices.sides import last_two
from ...hyper import NonNegative, Range, ThreeBetas, TwoEpsilons
from ...optimizer import Optimizer

__all__ = ["CAME"]


class CAME(Optimizer):
    """Adafactor with momentum, divided by how far each direction strays from its running mean.

    Luo et al. 2023, "CAME: confidence-guided adaptive memory efficient optimization", algorithm 2.
    https://arxiv.org/abs/2307.02047
    The last two dimensions are rows and columns, as in the authors' code; for a vector all squares are kept, and its
    direction is the running mean itself. `eps` is added to the squares of gradients, and of deviations from the mean;
    `d` is the largest root mean square of a direction, inf for any.
    Tune: a tenth to a half of Adam's lr; the first two of `betas` as Adam's, the third above them.
    """

    lr: NonNegative = 2e-4
    betas: ThreeBetas = (0.9, 0.999, 0.9999)
    eps: TwoEpsilons = (1e-30, 1e-16)
    d: Annotated[float, Range(1)] = 1.0
    weight_decay: NonNegative = 0.0

    counts_steps = False
    for_complex = "AdamW"

    def update(
        self, param, grad, exp_avg, variance: Unsigned, row_var: Rows, col_var: Columns, row_res: Rows, col_res: Columns
    ):
        beta1, beta2, beta3 = self.betas
        square = grad * grad + self.eps[0]
        if self.is_matrix:
            row_var = lerp(row_var, row_mean(square), 1 - beta2)
            col_var = lerp(col_var, column_mean(square), 1 - beta2)
            direction = grad * inverse_root(row_var, col_var)
        else:
            variance = lerp(variance, square, 1 - beta2)
            direction = grad / sqrt(variance)
        if self.d < inf:
            direction = direction / maximum(1, sqrt(total_square(direction) / self.numel) / self.d)
        exp_avg = lerp(exp_avg, direction, 1 - beta1)
        step = exp_avg
        if self.is_matrix:
            stray = (direction - exp_avg) * (direction - exp_avg) + self.eps[1]
            row_res = lerp(row_res, row_mean(stray), 1 - beta3)
            col_res = lerp(col_res, column_mean(stray), 1 - beta3)
            step = exp_avg * inverse_root(row_res, col_res)
        param = param * (1 - self.lr * self.weight_decay) - self.lr * step
        return param, exp_avg, variance, row_var, col_var, row_res, col_res

    @classmethod
    def sides(cls, shape, options):
        """Take the last two dimensions."""
        return last_two(shape)


def inverse_root(rows, columns):
    """Give one over the root of what the means of rows and columns say of each element."""
    return 1 / sqrt(rows / column_mean(rows)) * (1 / sqrt(columns))
