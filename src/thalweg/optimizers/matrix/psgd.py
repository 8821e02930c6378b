"""Gradients multiplied by what has been fitted to make them white."""

from __future__ import annotations

from functools import cache
from math import exp
from typing import Annotated

from ...formula import (
    Columns,
    Left,
    Right,
    Rows,
    Sides,
    column_max,
    column_mean,
    column_total,
    largest,
    lerp,
    lower_matmul,
    matmul,
    minimum,
    normal,
    over_upper,
    row_max,
    row_mean,
    row_total,
    spectral_bound,
    sqrt,
    transpose,
    upper,
    upper_by_upper,
    upper_matmul,
)
from ...hyper import Count, Decay, Fraction, NonNegative, OneOf, Positive
from .real import RealOptimizer

__all__ = ["PSGDKron"]

TINY = 1.1754943508222875e-38
"""What keeps a division from being one by zero: bfloat16's smallest normal number, as in the authors' code."""

LARGEST = 1.1
"""The root mean square of a step at most: where gradients are white it is 1."""

BALANCED = 100
"""Updates after which the two factors are brought to one size."""


class PSGDKron(RealOptimizer):
    """Momentum multiplied by two fitted factors, for rows and columns, that give gradients one size everywhere.

    Li 2018, "Preconditioned stochastic gradient descent", https://arxiv.org/abs/1512.04202, with factors on a Lie
    group, Pooladzandi & Li 2024, "Curvature-informed SGD via general purpose Lie-group preconditioners",
    https://arxiv.org/abs/2402.04553, as Walters uses them. https://github.com/evanatyourservice/kron_torch
    A factor is an upper triangular matrix, or a diagonal one where a side has one element, is longer than
    `max_size_triangular`, or `memory_save_mode` says so: "one_diag" for the longer side, "smart_one_diag" for the
    longer one if they are not equal, "all_diag" for both. Vectors have diagonal ones. Of a tensor with more dimensions
    the first one is the rows, all others together are columns. Both factors start as the root of `precond_init_scale`.

    Factors are moved by `precond_lr` with random probes that depend on `seed`, the parameter and the step: in each of
    the first 500 steps, then less and less often, every 34th step from the 4,000th on; or as often as
    `preconditioner_update_probability` says, 0.1 being every 10th step. They are fitted to the momentum, or to
    gradients with `momentum_into_precond_update=False`, and balanced at every hundredth move. The root mean square of a
    step is at most 1.1. weight_decay is added to the step; with decoupled_weight_decay=True weights decay apart from
    it.
    Tune: a third of AdamW's lr, and a weight_decay three times AdamW's.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.9
    weight_decay: NonNegative = 0.0
    preconditioner_update_probability: Fraction | None = None
    max_size_triangular: Count = 2048
    memory_save_mode: Annotated[str | None, OneOf((None, "one_diag", "smart_one_diag", "all_diag"))] = None
    momentum_into_precond_update: bool = True
    precond_lr: NonNegative = 0.1
    precond_init_scale: Positive = 1.0

    phases = ("between", "balance", "update")

    def update(
        self,
        param,
        grad,
        momentum_buffer,
        factor_left: Left,
        factor_right: Right,
        factor_rows: Rows,
        factor_columns: Columns,
    ):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        mean = momentum_buffer / (1 - self.momentum**self.step_count)
        left = factor_left if self.has_left() else factor_rows
        # A vector, as one column, has none for columns.
        right = factor_right if self.has_right() else factor_columns if self.ndim > 1 else 1.0
        if self.phase != "between":
            seen = mean if self.momentum_into_precond_update else grad
            probe = normal(seen, self.seed, self.param_index, self.step_count)
            left, right = self.balanced(left, right)
            left, right = self.moved(left, right, self.whitened(seen, left, right), self.divided(probe, left, right))
        step = self.turned_back(self.whitened(mean, left, right), left, right)
        step = step * minimum(1, LARGEST / (sqrt(row_mean(column_mean(step * step))) + 1e-8))
        step = step + self.weight_decay * param if self.weight_decay else step
        factor_left, factor_rows = (left, factor_rows) if self.has_left() else (factor_left, left)
        if self.ndim > 1:
            factor_right, factor_columns = (right, factor_columns) if self.has_right() else (factor_right, right)
        factors = factor_left, factor_right, factor_rows, factor_columns
        return param - self.lr * step, momentum_buffer, *factors

    @classmethod
    def phase_of(cls, options, step):
        """Move factors often at first, and seldom later."""
        number = updates(options["preconditioner_update_probability"]).number(step)
        if not number:
            return "between"
        return "balance" if number % BALANCED == 0 else "update"

    @classmethod
    def sides(cls, shape, options):
        """Take a vector as one column, and a number as one row of it."""
        return super().sides(shape, options) or Sides(tuple(range(len(shape))), (), len(shape))

    def initial_factor_left(self):
        """Start as the identity times a root."""
        return sqrt(self.precond_init_scale)

    initial_factor_right = initial_factor_rows = initial_factor_columns = initial_factor_left

    def has_left(self):
        """Tell if the factor of rows is triangular."""
        is_longer = bool(self.rows > self.columns)
        return bool(self.ndim > 1) and self.is_dense(self.rows, is_longer, is_longer)

    def has_right(self):
        """Tell if the factor of columns is triangular."""
        is_longer, is_equal = bool(self.columns > self.rows), bool(self.columns == self.rows)
        return bool(self.ndim > 1) and self.is_dense(self.columns, is_longer or is_equal, is_longer)

    def is_dense(self, size, is_last, is_longer):
        """Tell if a side has a triangular factor; is_last, if the other one is no longer and stands before it."""
        spared = {None: False, "one_diag": is_last, "smart_one_diag": is_longer, "all_diag": True}
        return bool(size > 1) and bool(size <= self.max_size_triangular) and not spared[self.memory_save_mode]

    def whitened(self, x, left, right):
        """Multiply by both factors."""
        x = upper_matmul(left, x) if self.has_left() else left * x
        return transpose(upper_matmul(right, transpose(x))) if self.has_right() else x * right

    def turned_back(self, x, left, right):
        """Multiply by both factors, transposed."""
        x = lower_matmul(transpose(left), x) if self.has_left() else left * x
        return transpose(lower_matmul(transpose(right), transpose(x))) if self.has_right() else x * right

    def divided(self, x, left, right):
        """Multiply by the inverses of both factors, transposed on the left."""
        x = transpose(over_upper(transpose(x), left)) if self.has_left() else x / left
        return over_upper(x, right) if self.has_right() else x / right

    def moved(self, left, right, white, divided):
        """Move both factors towards where gradients are as white as probes."""
        if self.has_left():
            left = self.turned(left, matmul(white, transpose(white)), matmul(divided, transpose(divided)))
        else:
            one, other = row_total(white * white), row_total(divided * divided)
            left = self.scaled(left, one - other, column_max(one + other))
        if self.has_right():
            right = self.turned(right, matmul(transpose(white), white), matmul(transpose(divided), divided))
        elif self.ndim > 1:
            one, other = column_total(white * white), column_total(divided * divided)
            right = self.scaled(right, one - other, row_max(one + other))
        return left, right

    def turned(self, factor, one, other):
        """Move a triangular factor."""
        move = upper(self.precond_lr * (one - other)) / (spectral_bound(one + other) + TINY)
        return factor - upper_by_upper(move, factor)

    def scaled(self, factor, difference, peak):
        """Move a diagonal factor."""
        return factor - self.precond_lr * difference * factor / (peak + TINY)

    def balanced(self, left, right):
        """Bring the largest elements of both factors to one size, when it is due; their product stays."""
        if self.phase != "balance" or not self.ndim > 1:
            return left, right
        one = largest(left) if self.has_left() else column_max(abs(left))
        other = largest(right) if self.has_right() else row_max(abs(right))
        return left * (sqrt(one * other) / one), right * (sqrt(one * other) / other)


class Updates:
    """The steps in which factors are moved, for one probability or the falling one, found as far as was asked."""

    def __init__(self, probability):
        self.probability, self.waited, self.count = probability, 0, 0
        self.numbers = [0]

    def number(self, step):
        """Say the how manieth move a step has; 0 if it has none."""
        while len(self.numbers) <= step:
            self.numbers.append(self.next())
        return self.numbers[step]

    def next(self):
        """Look at the next step: moves wait until their probabilities add up to one."""
        self.waited += 1
        if self.waited * self.current() < 1:
            return 0
        self.waited, self.count = 0, self.count + 1
        return self.count

    def current(self):
        """Give the probability of a move in the next step."""
        if self.probability is not None:
            return self.probability
        return min(max(exp(-0.001 * (len(self.numbers) - 1 - 500)), 0.03), 1.0)


@cache
def updates(probability):
    """Find the steps of a probability again."""
    return Updates(probability)
