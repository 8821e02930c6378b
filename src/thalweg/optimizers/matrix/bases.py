"""Rules that write a gradient in bases of its rows and columns, which come nearer to eigenvectors in training."""

from __future__ import annotations

from typing import Any

from ...formula import matmul, transpose
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

    def turned(self, x, basis_left, basis_right):
        """Write a matrix in the bases."""
        x = matmul(transpose(basis_left), x) if self.has_left() else x
        return matmul(x, basis_right) if self.has_right() else x

    def turned_back(self, x, basis_left, basis_right):
        """Write a matrix as the parameter is again."""
        x = matmul(basis_left, x) if self.has_left() else x
        return matmul(x, transpose(basis_right)) if self.has_right() else x
