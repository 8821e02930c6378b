"""Decay towards the scale that a model's weights are meant to have, instead of a number to tune."""

from typing import Annotated

from ...formula import Rows, Scalar, maximum, row_mean, sqrt, total_square
from ...hyper import Decay, NonNegative, OneOf, Positive
from ...optimizer import Optimizer

__all__ = ["Amos"]


class Amos(Optimizer):
    """Adam with one mean square for each row, whose rate and decay fall as gradients add up.

    Tian & Parikh 2022, "Amos: An Adam-style optimizer with adaptive weight decay towards model-oriented scale",
    algorithm 1, with the details of the authors' code. https://arxiv.org/abs/2210.11693
    `eta` is the scale that a parameter's entries are to have in the trained model: give groups their own. None takes
    1 / sqrt(inputs) for matrices, whose rows are the outputs, and 0.5 for vectors. `blocks` says what shares a mean
    square and a decay: "rows", or the whole "tensor", as vectors always do. `beta` is the share of the old mean square
    that stays in each step; `zeta` is how fast rates fall. With `momentum` above zero steps are running means.
    Tune: lr about 1 / sqrt(number of batches in an epoch), and let it stay; 1 - beta of the same size.
    """

    lr: NonNegative = 1e-3
    beta: Decay = 0.999
    momentum: Decay = 0.0
    eta: Positive | None = None
    zeta: NonNegative = 0.25
    eps: Positive = 2.0**-125
    blocks: Annotated[str, OneOf(("rows", "tensor"))] = "rows"

    for_complex = "AdamW"

    def update(self, param, grad, exp_avg, tensor_sq: Scalar, tensor_decay: Scalar, row_sq: Rows, row_decay: Rows):
        has_rows = self.is_matrix and self.blocks == "rows"
        square = row_mean(grad * grad) if has_rows else total_square(grad) / self.numel
        mean, decay = (row_sq, row_decay) if has_rows else (tensor_sq, tensor_decay)
        mean = self.beta * mean + (1 - self.beta) * square
        precision = (1 - self.beta**self.step_count) / maximum(mean, self.eps)
        rate = self.lr * self.scale()
        shrinkage = self.lr * self.lr * precision * square / sqrt(1 + self.zeta * sqrt(self.lr) * decay)
        slowed = 1 + self.zeta * sqrt(rate) * decay
        step = (rate * sqrt(precision) * grad + shrinkage / 2 * param) / slowed
        decay = decay + shrinkage * (1 + decay)
        if self.momentum:
            exp_avg = self.momentum * exp_avg + (1 - self.momentum) * step
            step = exp_avg
        if has_rows:
            return param - step, exp_avg, tensor_sq, tensor_decay, mean, decay
        return param - step, exp_avg, mean, decay, row_sq, row_decay

    def scale(self):
        """Give the scale that the entries are to have."""
        if self.eta is not None:
            return self.eta
        return 1 / sqrt(self.columns) if self.is_matrix else 0.5
