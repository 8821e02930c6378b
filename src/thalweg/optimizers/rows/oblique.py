"""Weights whose rows, or columns, stay on spheres of radius 1."""

from typing import Annotated

from ...formula import Unsigned, column_total, maximum, row_total, sqrt
from ...hyper import Betas, Decay, NonNegative, OneOf
from ...optimizer import Optimizer

__all__ = ["ObliqueAdam", "ObliqueSGD"]

Sides = Annotated[str, OneOf(("columns", "rows"))]


class Oblique(Optimizer):
    """What both have in common: a step along the spheres, and the way back to them."""

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.0
    normalized: Sides = "columns"
    eps: NonNegative = 1e-8

    for_complex = "AdamW"
    refuses = {"hyperball": "its lines have a length already"}

    def along(self, param, step):
        """Take a step without its part along the weights, and bring each line to a length of 1 again."""
        step = step - param * self.lines(param * step)
        param = param * (1 - self.lr * self.weight_decay) - self.lr * step
        return param / maximum(sqrt(self.lines(param * param)), self.eps)

    def lines(self, x):
        """Add up along each line."""
        return column_total(x) if self.normalized == "columns" else row_total(x)

    @classmethod
    def unfit(cls, param, options):
        """Lines of real numbers are needed."""
        fault = super().unfit(param, options)
        if fault is None and param.dim() < 2:
            return f"{cls.__name__} is for matrices", f"has shape {tuple(param.shape)}: pass it to AdamW"
        return fault


class ObliqueSGD(Oblique):
    """Momentum along the spheres on which a matrix' columns, or rows, lie.

    Riemannian gradient descent on the oblique manifold: Boumal 2023, "An introduction to optimization on smooth
    manifolds", sections 4.3 and 7.2, with the options of NVIDIA's Emerging-Optimizers. https://www.nicolasboumal.net/book/
    `normalized` says which lines have a length of 1: the first dimension is the rows. The first step gives this length
    to lines that have another.
    Tune: for embeddings, take normalized="rows" and lr 1e-3.
    """

    momentum: Decay = 0.9

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = self.momentum * momentum_buffer + grad
        return self.along(param, momentum_buffer), momentum_buffer


class ObliqueAdam(Oblique):
    """Adam's steps along the spheres on which a matrix' columns, or rows, lie.

    Adam's direction on the oblique manifold, as in NVIDIA's Emerging-Optimizers, with the second moment corrected under
    its root, as Adam does; see Bécigneul & Ganea 2019, "Riemannian adaptive optimization methods".
    https://arxiv.org/abs/1810.00760
    `normalized` says which lines have a length of 1: the first dimension is the rows.
    Tune: for embeddings, take normalized="rows" and Adam's lr.
    """

    betas: Betas = (0.9, 0.99)

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return self.along(param, m_hat / (sqrt(v_hat) + self.eps)), exp_avg, exp_avg_sq
