"""SOAP of the momentum, on one side of each matrix."""

from __future__ import annotations

from ...formula import Left, Right, Unsigned, lerp, sqrt
from ...hyper import Betas, Count, Decay, NonNegative
from .bases import BasesOptimizer

__all__ = ["MOSO"]


class MOSO(BasesOptimizer):
    """Adam of Muon's momentum, in the eigenvectors of the momentum's mean products with itself, on the smaller side.

    MOSO, momentum one-sided SOAP, of NVIDIA's Emerging-Optimizers 2026. https://github.com/NVIDIA-NeMo/Emerging-Optimizers
    It is SOAP (Vyas et al. 2024, https://arxiv.org/abs/2409.11321) of momenta in place of gradients, with one basis.
    Means are corrected for their start at zero, so the first step is one. The basis comes nearer to the eigenvectors
    every `precondition_frequency` steps. Sides longer than `max_precondition_dim`, and vectors, have no basis: they are
    Adam's, of the momentum. Of a tensor with more dimensions the first one is the rows, all others are columns.
    Tune: AdamW's lr and weight_decay.
    """

    lr: NonNegative = 3e-4
    momentum: Decay = 0.95
    betas: Betas = (0.9, 0.95)
    shampoo_beta: Decay = 0.95
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.01
    precondition_frequency: Count = 1
    max_precondition_dim: Count = 10000

    def update(
        self,
        param,
        grad,
        momentum_buffer,
        exp_avg,
        exp_avg_sq: Unsigned,
        products_left: Left,
        products_right: Right,
        basis_left: Left,
        basis_right: Right,
    ):
        beta1, beta2 = self.betas
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        weight = (1 - self.shampoo_beta) / (1 - self.shampoo_beta**self.step_count)
        exp_avg_sq, products_left, products_right, basis_left, basis_right = self.followed(
            momentum_buffer, weight, exp_avg_sq, products_left, products_right, basis_left, basis_right
        )
        exp_avg = lerp(exp_avg, momentum_buffer, 1 - beta1)
        turned = self.turned(momentum_buffer, basis_left, basis_right)
        exp_avg_sq = lerp(exp_avg_sq, turned * turned, 1 - beta2)
        m_hat = self.turned(exp_avg, basis_left, basis_right) / (1 - beta1**self.step_count)
        step = m_hat / (sqrt(exp_avg_sq / (1 - beta2**self.step_count)) + self.eps)
        param = param * (1 - self.lr * self.weight_decay)
        param = param - self.lr * self.turned_back(step, basis_left, basis_right)
        return param, momentum_buffer, exp_avg, exp_avg_sq, products_left, products_right, basis_left, basis_right

    def has_left(self):
        """Tell if rows are the smaller side."""
        return super().has_left() and bool(self.rows <= self.columns)

    def has_right(self):
        """Tell if columns are the smaller side."""
        return super().has_right() and bool(self.columns < self.rows)
