"""Gradients divided by what their rows and their columns usually are: memory for one number each."""

from typing import Annotated

from ...formula import Columns, Rows, Scalar, column_total, lerp, row_total, sqrt, total_square, where
from ...hyper import Count, Decay, NonNegative, Number, Range
from .for_matrices import ForMatrices

__all__ = ["RACS"]


class RACS(ForMatrices):
    """SGD whose rows and columns are scaled by the roots of two vectors, whose product comes nearest to the squares.

    Gong et al. 2025, "Towards efficient optimizer design for LLM via structured Fisher approximation with a low-rank
    extension", RACS. https://arxiv.org/abs/2502.07752
    The vectors are found together. `iterations` says how often each is computed from the other, as they are a fixed
    point; `beta` is the share of their means that stays in each step; `alpha` makes learning rates comparable with
    Adam's; `gamma` is how many times as long as the last step a step may be. It is for matrices, whose last two
    dimensions are rows and columns; leave biases and norms to AdamW.
    Tune: lr 0.02, as it is scaled by alpha 0.05.
    """

    lr: NonNegative = 2e-2
    beta: Decay = 0.9
    alpha: NonNegative = 0.05
    gamma: Annotated[Number, Range(1)] = 1.01
    iterations: Count = 5
    weight_decay: NonNegative = 0.0

    def update(self, param, grad, row_scale: Rows, column_scale: Columns, length: Scalar):
        rows, columns = self.fixed_point(grad * grad)
        row_scale = lerp(row_scale, rows, 1 - self.beta)
        column_scale = lerp(column_scale, columns, 1 - self.beta)
        size = row_scale * column_scale
        scaled = where(size > 0, grad / sqrt(size), 0)
        newest = sqrt(total_square(scaled))
        share = where(length > 0, where(newest > self.gamma * length, self.gamma * length / newest, 1), 1)
        param = param * (1 - self.lr * self.weight_decay) - self.lr * self.alpha * share * scaled
        return param, row_scale, column_scale, share * newest

    def fixed_point(self, square):
        """Find a number for each row and each column, whose products are nearest the squares."""
        columns = column_total(square) / self.rows  # where each row begins with 1
        rows = over(row_total(columns * square), row_total(columns * columns))
        for _ in range(self.iterations - 1):
            columns = over(column_total(rows * square), column_total(rows * rows))
            rows = over(row_total(columns * square), row_total(columns * columns))
        return rows, columns


def over(a, b):
    """Divide, and give 0 where there is nothing."""
    return where(b > 0, a / b, 0)
