"""Adam in the bases in which a matrix' gradients are least correlated."""

from __future__ import annotations

from ...formula import Left, Right, Sides, Unsigned, lerp, sqrt, total_square
from ...hyper import Betas, Count, Decay, NonNegative
from .bases import BasesOptimizer

__all__ = ["SOAP"]


class SOAP(BasesOptimizer):
    """Adam in the eigenvectors of the gradients' mean products with themselves, by rows and by columns.

    Vyas et al. 2024, "SOAP: Improving and stabilizing Shampoo using Adam", algorithm 3. https://arxiv.org/abs/2409.11321
    The first step only looks at the gradient. Every `precondition_frequency` steps the bases come nearer to the
    eigenvectors (algorithm 4). Both moments are kept in the bases, as in the authors' code: the first one is turned to
    the new ones, and the second is put in their order. A side longer than `max_precondition_dim` has no basis of its
    own, nor have vectors, unless `precondition_1d`: they are Adam's then. Of a tensor with more dimensions the first
    one is the rows, all others together are columns.
    `shampoo_beta` is the share of old products, betas[1] if None; with `normalize_grads` each step has a root mean
    square of 1.
    Tune: lr 3e-3, as AdamW's or three times that; precondition_frequency 10, more often for small batches.
    """

    lr: NonNegative = 3e-3
    betas: Betas = (0.95, 0.95)
    shampoo_beta: Decay | None = None
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.01
    precondition_frequency: Count = 10
    max_precondition_dim: Count = 10000
    precondition_1d: bool = False
    correct_bias: bool = True
    normalize_grads: bool = False

    def update(
        self,
        param,
        grad,
        exp_avg,
        exp_avg_sq: Unsigned,
        products_left: Left,
        products_right: Right,
        basis_left: Left,
        basis_right: Right,
    ):
        beta1, beta2 = self.betas
        if self.phase != "first":
            turned = self.turned(grad, basis_left, basis_right)
            exp_avg = lerp(exp_avg, turned, 1 - beta1)
            exp_avg_sq = lerp(exp_avg_sq, turned * turned, 1 - beta2)
            step = exp_avg / (sqrt(exp_avg_sq) + self.eps)
            param = param - self.rate() * self.normalized(self.turned_back(step, basis_left, basis_right))
            param = param * (1 - self.lr * self.weight_decay)
        weight = 1 - (beta2 if self.shampoo_beta is None else self.shampoo_beta)
        if self.phase == "refresh":
            exp_avg = self.turned_back(exp_avg, basis_left, basis_right)
        exp_avg_sq, products_left, products_right, basis_left, basis_right = self.followed(
            grad, weight, exp_avg_sq, products_left, products_right, basis_left, basis_right
        )
        if self.phase == "refresh":
            exp_avg = self.turned(exp_avg, basis_left, basis_right)
        return param, exp_avg, exp_avg_sq, products_left, products_right, basis_left, basis_right

    @classmethod
    def sides(cls, shape, options):
        """Take a vector as one column, where it is to have a basis."""
        if len(shape) == 1 and options["precondition_1d"]:
            return Sides((0,), (), 1)
        return super().sides(shape, options)

    def rate(self):
        """Give the learning rate, corrected for means that start at zero; the first step is not counted."""
        if not self.correct_bias:
            return self.lr
        steps = self.step_count - 1
        return self.lr * sqrt(1 - self.betas[1] ** steps) / (1 - self.betas[0] ** steps)

    def normalized(self, step):
        """Bring the root mean square of a step to 1, where that is wanted."""
        if not self.normalize_grads:
            return step
        return step / (sqrt(total_square(step) / self.numel) + self.eps)
