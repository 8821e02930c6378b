"""Adagrad whose sums of squares are covered by one number a row and one a column."""

from ...formula import Columns, Rows, Unsigned, column_max, lerp, maximum, minimum, row_max, sqrt
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["SM3"]


class SM3(Optimizer):
    """Adagrad that bounds each sum of squares by the smaller of two numbers: its row's and its column's.

    Anil et al. 2019, "Memory-efficient adaptive optimization", algorithm SM3-II. https://arxiv.org/abs/1901.11150
    A tensor of more than two dimensions is covered as a matrix: its first dimension is the rows, all others together
    are the columns. A vector keeps all its sums, and its steps are Adagrad's.
    `beta` above 0 turns the sums into running means, whose bounds never shrink, as in the code that others use;
    `momentum` is a running mean of steps; `eps` is added below the root.
    Tune: lr about 0.1 after a warm-up, and momentum 0.9.
    """

    lr: NonNegative = 0.1
    momentum: Decay = 0.0
    beta: Decay = 0.0
    eps: NonNegative = 1e-30

    counts_steps = False
    for_complex = "Adagrad"

    def update(self, param, grad, row_cover: Rows, column_cover: Columns, cover: Unsigned, momentum_buffer):
        if self.is_matrix:
            square = self.added(minimum(row_cover, column_cover), grad * grad)
            rows, columns = row_max(square), column_max(square)
            row_cover = maximum(row_cover, rows) if self.beta else rows
            column_cover = maximum(column_cover, columns) if self.beta else columns
        else:
            square = self.added(cover, grad * grad)
            cover = maximum(cover, square) if self.beta else square
        step = grad / sqrt(square + self.eps)
        if self.momentum:
            step = momentum_buffer = lerp(momentum_buffer, step, 1 - self.momentum)
        return param - self.lr * step, row_cover, column_cover, cover, momentum_buffer

    def added(self, old, square):
        """Add a square to what is known, or take it into a mean that forgets."""
        return self.beta * old + (1 - self.beta) * square if self.beta else old + square
