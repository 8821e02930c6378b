"""Shampoo's and SOAP's factors, as near to the gradients' covariance as Kullback and Leibler's measure can tell."""

from __future__ import annotations

from ...formula import (
    Columns,
    Left,
    Right,
    Rows,
    Unsigned,
    column_mean,
    eigenbasis,
    iterated_basis,
    lerp,
    matmul,
    maximum,
    minimum,
    row_mean,
    sqrt,
    transpose,
)
from ...hyper import Betas, Count, Decay, NonNegative, Positive
from .bases import BasesOptimizer

__all__ = ["KLSOAP", "KLShampoo"]

LEAST, MOST = 10, 4000
"""One over the root of an eigenvalue is at most the size of its side, between these two, as in the authors' code."""


class KullbackLeibler(BasesOptimizer):
    """What both have in common: the options, and for each side a basis and eigenvalues, scaled by the other's."""

    lr: NonNegative = 3e-3
    betas: Betas = (0.9, 0.98)
    shampoo_beta: Decay | None = None
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.01
    precondition_frequency: Count = 10
    max_precondition_dim: Count = 10000
    initial_eigenvalue: Positive = 0.1

    def initial_values_left(self):
        """Start with one number for all eigenvalues."""
        return self.initial_eigenvalue

    initial_values_right = initial_values_left

    def moved(self, param, step):
        """Take a step, and let the new weights decay."""
        return (param - self.lr * step) * (1 - self.lr * self.weight_decay)

    def weight(self):
        """Give the share of a new product in its mean."""
        return 1 - (self.betas[1] if self.shampoo_beta is None else self.shampoo_beta)

    def looked_at(self, grad, turned, products_left, products_right, bases, values):
        """Take a gradient into the products of both sides, each scaled by the other's eigenvalues, and into these."""
        (basis_left, basis_right), (values_left, values_right) = bases, values
        first, due = self.phase == "first", self.phase == "refresh"
        by_left = turned / sqrt(values_left) if self.has_left() else turned
        by_right = turned / sqrt(values_right) if self.has_right() else turned
        if self.has_left():
            half = grad if first else matmul(basis_left, by_right)
            products_left = lerp(products_left, matmul(half, transpose(half)) / self.columns, self.weight())
            if first:
                basis_left = eigenbasis(products_left, basis_left)
            else:
                values_left = self.floored(lerp(values_left, row_mean(by_right * by_right), self.weight()), self.rows)
            basis_left = iterated_basis(products_left, basis_left) if due else basis_left
        if self.has_right():
            half = grad if first else matmul(by_left, transpose(basis_right))
            products_right = lerp(products_right, matmul(transpose(half), half) / self.rows, self.weight())
            if first:
                basis_right = eigenbasis(products_right, basis_right)
            else:
                seen = column_mean(by_left * by_left)
                values_right = self.floored(lerp(values_right, seen, self.weight()), self.columns)
            basis_right = iterated_basis(products_right, basis_right) if due else basis_right
        return products_left, products_right, basis_left, basis_right, values_left, values_right

    def floored(self, values, size):
        """Bound eigenvalues from below."""
        limit = maximum(LEAST, minimum(size, MOST))
        return maximum(values, 1 / (limit * limit))


class KLShampoo(KullbackLeibler):
    """Shampoo in which the products of each side are weighted by the eigenvalues of the other side.

    Lin et al. 2025, "Understanding and improving Shampoo and SOAP via Kullback-Leibler minimization", KL-Shampoo, and
    its authors' code. https://arxiv.org/abs/2509.03378
    The first step only looks at the gradient. Products of gradients with themselves are taken over the other side's
    eigenvalues, which are means of their own and start as `initial_eigenvalue`; every `precondition_frequency` steps
    the bases come nearer to the products' eigenvectors. It keeps no second moment, and no grafting is needed. A side
    longer than `max_precondition_dim` has no basis; vectors are Adam's, without correction for bias. Of a tensor with
    more dimensions the first one is the rows, all others together are columns. `shampoo_beta` is the share of old
    products and eigenvalues, betas[1] if None.
    Tune: SOAP's lr and weight_decay, and precondition_frequency 10.
    """

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
        values_left: Rows,
        values_right: Columns,
    ):
        bases, values = (basis_left, basis_right), (values_left, values_right)
        turned = self.turned(grad, *bases)
        if not self.is_matrix:
            exp_avg_sq = lerp(exp_avg_sq, grad * grad, 1 - self.betas[1])
        if self.phase != "first":
            exp_avg = lerp(exp_avg, grad, 1 - self.betas[0])
            root = sqrt(values_left) if self.has_left() else 1
            root = root * sqrt(values_right) if self.has_right() else root
            root = root if self.is_matrix else sqrt(exp_avg_sq)
            param = self.moved(param, self.turned_back(self.turned(exp_avg, *bases) / (root + self.eps), *bases))
        kept = self.looked_at(grad, turned, products_left, products_right, bases, values)
        return param, exp_avg, exp_avg_sq, *kept


class KLSOAP(KullbackLeibler):
    """SOAP in the bases of KL-Shampoo: products of each side are weighted by the other side's eigenvalues.

    Lin et al. 2025, "Understanding and improving Shampoo and SOAP via Kullback-Leibler minimization", KL-SOAP, and its
    authors' code. https://arxiv.org/abs/2509.03378
    There is no correction for bias, and the second moment stays in its order when bases come nearer. All else is as for
    KLShampoo.
    Tune: SOAP's lr and weight_decay, and precondition_frequency 10.
    """

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
        values_left: Rows,
        values_right: Columns,
    ):
        bases, values = (basis_left, basis_right), (values_left, values_right)
        turned = self.turned(grad, *bases)
        if self.phase != "first":
            exp_avg = lerp(exp_avg, grad, 1 - self.betas[0])
            exp_avg_sq = lerp(exp_avg_sq, turned * turned, 1 - self.betas[1])
            step = self.turned(exp_avg, *bases) / (sqrt(exp_avg_sq) + self.eps)
            param = self.moved(param, self.turned_back(step, *bases))
        kept = self.looked_at(grad, turned, products_left, products_right, bases, values)
        return param, exp_avg, exp_avg_sq, *kept
