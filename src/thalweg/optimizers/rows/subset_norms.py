"""Adam with one number for the gradients of a whole row or column: their norm."""

from ...formula import Columns, Rows, Unsigned, column_total, lerp, row_total, sqrt
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer

__all__ = ["AdamSN"]


class AdamSN(Optimizer):
    """Adam that divides by the norm of a row's gradients, or of a column's, whichever there are more of.

    Nguyen & Nguyen 2025, "Lean and mean adaptive optimization via subset-norm and subspace-momentum with convergence
    guarantees", AdamSN, with the subsets of the authors' code. https://arxiv.org/abs/2411.07120
    A matrix of m by n numbers, the first dimension being rows, keeps max(m, n) squared norms in place of m * n squares.
    A norm grows with its number of elements, so that steps are shorter than Adam's. Vectors take Adam's steps.
    Tune: lr 10 times Adam's or more, as steps are divided by norms; leave embeddings and the output to AdamW.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0

    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, after the step"}
    for_complex = "Adam"

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, row_sq: Rows, column_sq: Columns):
        beta1, beta2 = self.betas
        exp_avg = lerp(exp_avg, grad, 1 - beta1)
        if not self.is_matrix:
            square = exp_avg_sq = lerp(exp_avg_sq, grad * grad, 1 - beta2)
        elif self.rows >= self.columns:
            square = row_sq = lerp(row_sq, row_total(grad * grad), 1 - beta2)
        else:
            square = column_sq = lerp(column_sq, column_total(grad * grad), 1 - beta2)
        rate = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        param = (param - rate * exp_avg / (sqrt(square) + self.eps)) * (1 - self.lr * self.weight_decay)
        return param, exp_avg, exp_avg_sq, row_sq, column_sq
