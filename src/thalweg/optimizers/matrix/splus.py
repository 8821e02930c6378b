"""Signs of the momentum, in bases of its rows and columns that are found now and then."""

from __future__ import annotations

from ...formula import Left, Right, lerp, matmul, sign, transpose
from ...hyper import Betas, Count, NonNegative
from .bases import DecomposedOptimizer

__all__ = ["SPlus"]


class SPlus(DecomposedOptimizer):
    """Shampoo's directions with steps of one size: signs are taken in the eigenvectors, which may be old.

    Frans, Levine & Abbeel 2025, "A stable whitening optimizer for efficient neural network training", and its authors'
    code. https://arxiv.org/abs/2506.07254
    Eigenvectors are those of the running means of products of gradients, by rows and by columns. They are found at the
    end of the first step, and every `precondition_frequency` steps from then on; a step is taken in those that were
    there before. The step of a matrix of m by n numbers is multiplied by 2 / (m + n); `nonstandard_constant` is this
    number for vectors, and for matrices with a side that is longer than `max_precondition_dim`, which has no basis.
    Weights decay after the step, by weight_decay times its size. Of a tensor with more dimensions the first one is the
    rows, all others together are columns.
    The authors evaluate the average of parameters: `ema_decay=0.999`, and `averaged()`.
    Tune: lr 0.1 to 0.3, whatever the width, and a schedule that ends at zero; weight_decay 0.01.
    """

    lr: NonNegative = 1e-1
    betas: Betas = (0.9, 0.999)
    weight_decay: NonNegative = 1e-2
    precondition_frequency: Count = 100
    max_precondition_dim: Count = 10000
    nonstandard_constant: NonNegative = 1e-3

    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, by the size of its steps"}

    def update(
        self,
        param,
        grad,
        exp_avg,
        products_left: Left,
        products_right: Right,
        basis_left: Left,
        basis_right: Right,
    ):
        beta1, beta2 = self.betas
        exp_avg = lerp(exp_avg, grad, 1 - beta1)
        signs = sign(self.turned(exp_avg, basis_left, basis_right))
        size = self.lr * self.scale()
        param = param - size * self.turned_back(signs, basis_left, basis_right)
        param = param * (1 - size * self.weight_decay)
        if self.has_left():
            products_left = lerp(products_left, matmul(grad, transpose(grad)), 1 - beta2)
            basis_left = self.found(products_left, basis_left)
        if self.has_right():
            products_right = lerp(products_right, matmul(transpose(grad), grad), 1 - beta2)
            basis_right = self.found(products_right, basis_right)
        return param, exp_avg, products_left, products_right, basis_left, basis_right

    def scale(self):
        """Give the size of steps: wide layers take smaller ones."""
        return 2 / (self.rows + self.columns) if self.has_left() and self.has_right() else self.nonstandard_constant
