"""Small symmetric systems, one per row, eliminated for all rows at once.

Every number is a vector over the rows; where matrices lie in memory as `by_places` has them, it is read as it lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ....engine.llvm.grams import COLUMNS
from ....engine.llvm.grams import grams as compiled_grams
from ....engine.llvm.vectors import KINDS
from ..vector import accurate

BY_HAND = 10
"""Unknowns up to which every step of the elimination is one operation on all rows; a library's loop over rows of two
unknowns takes ten times as long."""


def grams(columns: Sequence[Tensor]) -> Tensor:
    """Return the products of k columns, each of shape (b, m), for every row: (b, k, k), in float64 if there is one."""
    first = columns[0]
    alike = all(column.dtype is first.dtype for column in columns)
    if first.is_cpu and first.dtype in KINDS and alike and len(columns) <= COLUMNS:
        return compiled_grams([column.contiguous() for column in columns])
    rows = torch.stack(list(columns), 1).to(accurate(first.device))
    return by_places(rows @ rows.mT)


def by_places(rows: Tensor) -> Tensor:
    """Return the same numbers, those of one place of all rows lying one after the other in memory."""
    return rows.movedim(0, -1).contiguous().movedim(-1, 0)


def solve(matrix: Tensor, right: Tensor, damping: Tensor | None = None) -> Tensor:
    """Return the solution p of (`matrix` + `damping` I) p = `right` for each row; shapes (..., n, n) and (..., n).

    The matrices are positive semidefinite with a diagonal of about one. An unknown whose pivot is lost in rounding
    stays zero, as if it were not there.
    """
    n = right.shape[-1]
    if 0 < n <= BY_HAND:
        return _eliminated(matrix, right, damping)
    if damping is not None:
        matrix = matrix + torch.diag_embed(damping[..., None].expand(*damping.shape, n))
    return _by_eigenvectors(matrix, right)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product of each row, added in one order: torch's own depends on a row's place in memory."""
    first, *others = zip(a.unbind(-1), b.unbind(-1), strict=True)
    total = first[0] * first[1]
    for one, other in others:
        total = total + one * other
    return total


def times(matrix: Tensor, p: Tensor) -> Tensor:
    """Return the product of each row's matrix with its vector."""
    if p.shape[-1] > BY_HAND:
        product: Tensor = matrix @ p[..., None]
        return product[..., 0]
    return torch.stack([dot(line, p) for line in matrix.unbind(-2)]).movedim(0, -1)


def _eliminated(matrix: Tensor, right: Tensor, damping: Tensor | None) -> Tensor:
    """Cholesky's elimination without roots, L D L'; every number is a vector over the rows."""
    n = right.shape[-1]
    a = [[column.contiguous() for column in row.unbind(-1)] for row in matrix.unbind(-2)]
    b = [number.contiguous() for number in right.unbind(-1)]
    inverses = []
    for k in range(n):
        inverses.append(_inverse(a[k][k] if damping is None else a[k][k] + damping, n))
        for i in range(k + 1, n):
            factor = a[i][k] * inverses[k]
            for j in range(k + 1, i + 1):
                a[i][j] = a[i][j] - factor * a[j][k]
            b[i] = b[i] - factor * b[k]
    return torch.stack(_substituted(a, b, inverses)).movedim(0, -1)


def _substituted(a: list[list[Tensor]], b: list[Tensor], inverses: list[Tensor]) -> list[Tensor]:
    """Return the unknowns, from the last to the first known ones."""
    n = len(b)
    p = list(b)
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            p[i] = p[i] - a[j][i] * p[j]
        p[i] = p[i] * inverses[i]
    return p


def _inverse(pivot: Tensor, n: int) -> Tensor:
    """Return the inverse of each pivot, zero for what is lost in rounding."""
    known = pivot > 10 * n * torch.finfo(pivot.dtype).eps
    return torch.where(known, 1 / pivot, 0.0)


def _by_eigenvectors(matrix: Tensor, right: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    inverse = _inverse(values, right.shape[-1])
    solution: Tensor = vectors @ (inverse[..., None] * (vectors.mT @ right[..., None]))
    return solution[..., 0]
