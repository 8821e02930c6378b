"""Gradients whose rows and columns are all brought to one length: no state at all, or a momentum."""

from ...formula import column_total, lerp, row_total, sqrt, where
from ...hyper import Count, Decay, NonNegative
from .for_matrices import ForMatrices

__all__ = ["SinkGD"]


class SinkGD(ForMatrices):
    """Scale the rows of the gradient to equal norms, then its columns, and so on, as in Sinkhorn's iteration.

    Scetbon et al. 2025, "Gradient multi-normalization for stateless and memory-efficient LLM training", algorithm 3.
    https://arxiv.org/abs/2502.06742
    The norm of a row becomes the root of the number of columns, and that of a column the root of the number of rows, so
    that elements have a size of about 1. `scale` makes learning rates comparable with Adam's; trainers use 0.05. It is
    for matrices, whose last two dimensions are rows and columns; leave biases and norms to AdamW. A row or column whose
    norm is `eps` or less stays as it is. With `momentum` above zero the running mean of gradients takes the gradient's
    place, as in OneTrainer's SinkSGD; with `nesterov`, a mean of it and the newest gradient.
    Tune: Adam's lr; five `iterations` are enough.
    """

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.0
    iterations: Count = 5
    scale: NonNegative = 0.05
    eps: NonNegative = 1e-12
    momentum: Decay = 0
    nesterov: bool = False

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        if self.momentum:
            momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
            grad = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        rows, columns = 1, 1
        for _ in range(self.iterations):
            x = grad * rows * columns
            rows = rows * self.factor(sqrt(self.columns), sqrt(row_total(x * x)))
            x = grad * rows * columns
            columns = columns * self.factor(sqrt(self.rows), sqrt(column_total(x * x)))
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.scale * (grad * rows * columns), momentum_buffer

    def factor(self, wanted, length):
        """Give what brings a length to the one that is wanted."""
        return where(length > self.eps, wanted / length, 0 * length + 1)
