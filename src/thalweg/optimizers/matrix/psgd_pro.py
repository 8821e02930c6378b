"""Gradients multiplied by what has been fitted to make them white, kept symmetric by small turns."""

from __future__ import annotations

from ...formula import (
    Columns,
    Left,
    Right,
    Rows,
    largest,
    lerp,
    matmul,
    maximum,
    normal,
    rotated,
    spectral_bound,
    sqrt,
    transpose,
)
from ...hyper import Count, Decay, NonNegative, Positive
from .real import RealOptimizer

__all__ = ["PSGDPro"]


class PSGDPro(RealOptimizer):
    """Momentum multiplied by two fitted factors, which need no inverse: each is turned towards a symmetric one.

    Li 2024, "Stochastic Hessian fittings with Lie groups", the geometry Q^0.5 E Q^1.5, https://arxiv.org/abs/2402.11858,
    with the turn of the orthogonal Procrustes problem, as in NVIDIA's Emerging-Optimizers.
    In each step both factors are moved by `precond_lr` over a bound of their gradient's size, which a running mean of
    share `beta_lip` smooths. The rate falls with the root of the steps over `warmup_steps`, to `min_precond_lr`. They
    are fitted to the momentum with noise of size `damping_noise_scale`, from `seed`, the parameter and the step, and
    brought to one size. It is for matrices, whose first dimension is the rows.
    Tune: AdamW's weight_decay, and a third of its lr.
    """

    lr: NonNegative = 3e-3
    weight_decay: NonNegative = 0.01
    momentum: Decay = 0.9
    beta_lip: Decay = 0.9
    precond_lr: NonNegative = 0.1
    precond_init_scale: Positive = 1.0
    damping_noise_scale: NonNegative = 0.1
    min_precond_lr: NonNegative = 0.01
    warmup_steps: Count = 10000

    def update(
        self,
        param,
        grad,
        exp_avg,
        factor_left: Left,
        factor_right: Right,
        bound_left: Rows,
        bound_right: Columns,
    ):
        param = param * (1 - self.lr * self.weight_decay)
        exp_avg = lerp(exp_avg, grad, 1 - self.momentum)
        noise = normal(exp_avg, self.seed, self.param_index, self.step_count)
        seen = exp_avg + (self.damping_noise_scale + 1e-7 * abs(exp_avg)) * noise
        white = self.multiplied(seen, factor_left, factor_right)
        one, other = matmul(white, transpose(white)), matmul(transpose(white), white)
        factor_left, bound_left = self.moved(factor_left, bound_left, one, self.columns)
        factor_right, bound_right = self.moved(factor_right, bound_right, other, self.rows)
        size, other_size = largest(factor_left), largest(factor_right)
        factor_left = factor_left * (sqrt(size * other_size) / size)
        factor_right = factor_right * (sqrt(size * other_size) / other_size)
        param = param - self.lr * self.multiplied(exp_avg, factor_left, factor_right)
        return param, exp_avg, factor_left, factor_right, bound_left, bound_right

    @classmethod
    def unfit(cls, param, options):
        """A matrix is needed."""
        if fault := super().unfit(param, options):
            return fault
        if param.dim() < 2:
            return f"{cls.__name__} is for matrices", f"has shape {tuple(param.shape)}: pass it to AdamW"
        return None

    def initial_factor_left(self):
        """Start as the identity times a number."""
        return self.precond_init_scale

    initial_factor_right = initial_factor_left

    def initial_bound_left(self):
        """Start at 1."""
        return 1.0

    initial_bound_right = initial_bound_left

    def multiplied(self, x, left, right):
        """Multiply by both factors, and by them transposed."""
        return matmul(matmul(transpose(left), matmul(left, x)), matmul(transpose(right), right))

    def moved(self, factor, bound, product, lines):
        """Move a factor towards where products are as large as those of noise, and turn it towards a symmetric one."""
        steepest = spectral_bound(product) + lines
        bound = maximum(self.beta_lip * bound + (1 - self.beta_lip) * steepest, steepest)
        rate = maximum(self.precond_lr / sqrt(1 + (self.step_count - 1) / self.warmup_steps), self.min_precond_lr)
        return rotated(factor - rate / bound * (matmul(product, factor) - lines * factor)), bound
