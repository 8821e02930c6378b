"""Rules that write a gradient in bases of its rows and columns, which come nearer to eigenvectors in training."""

from __future__ import annotations

from typing import Any

from ...formula import eigenbasis, lerp, matmul, nearer_basis, sorted_columns, sorted_rows, transpose
from .real import RealOptimizer


class BasesOptimizer(RealOptimizer):
    """What SOAP and its kin have in common; each has options `precondition_frequency` and `max_precondition_dim`."""

    phases = ("first", "refresh", "between")

    def initial_basis_left(self):
        """Start as the parameter is, where there is no decomposition."""
        return 1.0

    initial_basis_right = initial_basis_left

    @classmethod
    def phase_of(cls, options, step):
        """Look for bases at first, and come nearer to the best ones every few steps from then on."""
        if step == 1:
            return "first"
        return "refresh" if (step - 1) % options["precondition_frequency"] == 0 else "between"

    def has_left(self: Any):
        """Tell if rows have a basis."""
        return bool(self.is_matrix) and bool(self.rows <= self.max_precondition_dim)

    def has_right(self: Any):
        """Tell if columns have a basis."""
        return bool(self.is_matrix) and bool(self.ndim > 1) and bool(self.columns <= self.max_precondition_dim)

    def followed(self: Any, seen, weight, exp_avg_sq, products_left, products_right, basis_left, basis_right):
        """Take a matrix into the averages of products, and bring bases nearer to their eigenvectors where that is due.

        Means of squares in the bases change places with the eigenvectors, which are kept in the order of their sizes.
        """
        if self.has_left():
            products_left = lerp(products_left, matmul(seen, transpose(seen)), weight)
            if self.phase == "first":
                basis_left = eigenbasis(products_left, basis_left)
            elif self.phase == "refresh":
                basis_left, order = nearer_basis(products_left, basis_left)
                exp_avg_sq = sorted_rows(exp_avg_sq, order)
        if self.has_right():
            products_right = lerp(products_right, matmul(transpose(seen), seen), weight)
            if self.phase == "first":
                basis_right = eigenbasis(products_right, basis_right)
            elif self.phase == "refresh":
                basis_right, order = nearer_basis(products_right, basis_right)
                exp_avg_sq = sorted_columns(exp_avg_sq, order)
        return exp_avg_sq, products_left, products_right, basis_left, basis_right

    def turned(self, x, basis_left, basis_right):
        """Write a matrix in the bases."""
        x = matmul(transpose(basis_left), x) if self.has_left() else x
        return matmul(x, basis_right) if self.has_right() else x

    def turned_back(self, x, basis_left, basis_right):
        """Write a matrix as the parameter is again."""
        x = matmul(basis_left, x) if self.has_left() else x
        return matmul(x, transpose(basis_right)) if self.has_right() else x


class DecomposedOptimizer(BasesOptimizer):
    """What finds eigenvectors from nothing each time: in the first step, and in each that the frequency divides."""

    @classmethod
    def phase_of(cls, options, step):
        """Look for bases at first, and every few steps from then on."""
        if step == 1:
            return "first"
        return "refresh" if step % options["precondition_frequency"] == 0 else "between"

    def found(self: Any, products, basis):
        """Find the eigenvectors of products where that is due."""
        return basis if self.phase == "between" else eigenbasis(products, basis)
