"""Adam in the singular vectors of its own momentum."""

from __future__ import annotations

from ...formula import Left, Right, Unsigned, lerp, matmul, sqrt, transpose
from ...hyper import Betas, Count, NonNegative
from .bases import DecomposedOptimizer

__all__ = ["Conda"]


class Conda(DecomposedOptimizer):
    """Adam in the singular vectors of the mean gradient, on the smaller side of each matrix: no products are kept.

    Wang et al. 2025, "Conda: Column-normalized Adam for training large language models faster", and its authors' code.
    https://arxiv.org/abs/2509.24218
    The singular vectors are found in the first step, and every `precondition_frequency` steps from then on; the mean
    square stays in its place. Weights decay after the step. Sides longer than `max_precondition_dim`, and vectors, have
    no basis: they are Adam's. Of a tensor with more dimensions the first one is the rows, all others are columns.
    Tune: AdamW's lr and weight_decay, and precondition_frequency from 500 to 2000.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    precondition_frequency: Count = 2000
    max_precondition_dim: Count = 10000

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, basis_left: Left, basis_right: Right):
        beta1, beta2 = self.betas
        exp_avg = lerp(exp_avg, grad, 1 - beta1)
        if self.has_left():
            basis_left = self.found(matmul(exp_avg, transpose(exp_avg)), basis_left)
        if self.has_right():
            basis_right = self.found(matmul(transpose(exp_avg), exp_avg), basis_right)
        turned = self.turned(grad, basis_left, basis_right)
        exp_avg_sq = lerp(exp_avg_sq, turned * turned, 1 - beta2)
        m_hat = self.turned(exp_avg, basis_left, basis_right) / (1 - beta1**self.step_count)
        step = m_hat / (sqrt(exp_avg_sq / (1 - beta2**self.step_count)) + self.eps)
        param = param - self.lr * self.turned_back(step, basis_left, basis_right)
        return param * (1 - self.lr * self.weight_decay), exp_avg, exp_avg_sq, basis_left, basis_right

    def has_left(self):
        """Tell if rows are the smaller side."""
        return super().has_left() and bool(self.rows <= self.columns)

    def has_right(self):
        """Tell if columns are the smaller side."""
        return super().has_right() and bool(self.columns < self.rows)
