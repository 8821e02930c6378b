"""Small symmetric systems, one per row, eliminated for all rows at once.

Every number is a vector over the rows; where matrices lie in memory as `by_places` has them, it is read as it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from .....engine.llvm.closure_methods.grams import COLUMNS
from .....engine.llvm.closure_methods.grams import grams as compiled_grams
from .....engine.llvm.language.vectors import KINDS
from ...function.vector import accurate
from .elimination import eliminated, inner

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


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Return the solution p of `matrix` p = `right` for each row; shapes (..., n, n) and (..., n).

    The matrices are positive semidefinite with a diagonal of about one. An unknown whose pivot is lost in rounding
    stays zero, as if it were not there.
    """
    n = right.shape[-1]
    if not 0 < n <= BY_HAND:
        return by_eigenvectors(matrix, right)
    lower = [[matrix[..., i, j].contiguous() for j in range(i + 1)] for i in range(n)]
    unknowns = eliminated(lower, [number.contiguous() for number in right.unbind(-1)], None, rounding_of(matrix))
    return torch.stack(unknowns).movedim(0, -1)


def solved(matrix: Sequence[Sequence[Tensor]], right: Sequence[Tensor], damping: Tensor | None) -> Sequence[Tensor]:
    """Return the same for a lower triangle of numbers, with a damping on the diagonal or none."""
    if len(right) <= BY_HAND:
        return eliminated(matrix, right, damping, rounding_of(right[0]))
    whole = symmetric(matrix)
    if damping is not None:
        whole = whole + torch.diag_embed(damping[:, None].expand(len(damping), len(right)))
    return by_eigenvectors(whole, torch.stack(list(right), -1)).unbind(-1)


def inverses(gram: Tensor) -> Tensor:
    """Return (J'J)^-1 of each row, all of it infinite where J'J has none."""
    diagonal = gram.diagonal(dim1=1, dim2=2)
    units = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    matrix = gram * units[:, :, None] * units[:, None, :]
    unit = torch.eye(len(units.mT), dtype=matrix.dtype, device=matrix.device)[:, None].expand(-1, *units.shape)
    columns = solve(matrix, unit).movedim(0, -1)
    known = (columns.diagonal(dim1=1, dim2=2) > 0).all(1)
    inverse = 0.5 * (columns + columns.mT) * units[:, :, None] * units[:, None, :]
    return torch.where(known[:, None, None], inverse, torch.inf)


def symmetric(triangle: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the matrices of a lower triangle, (b, n, n)."""
    n = len(triangle)
    lines = [torch.stack([triangle[max(i, j)][min(i, j)] for j in range(n)]) for i in range(n)]
    return torch.stack(lines).permute(2, 0, 1)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product of each row, added in one order: torch's own depends on a row's place in memory."""
    return cast(Tensor, inner(a.unbind(-1), b.unbind(-1)))


def times(matrix: Tensor, p: Tensor) -> Tensor:
    """Return the product of each row's matrix with its vector."""
    if p.shape[-1] > BY_HAND:
        product: Tensor = matrix @ p[..., None]
        return product[..., 0]
    return torch.stack([dot(line, p) for line in matrix.unbind(-2)]).movedim(0, -1)


def by_eigenvectors(matrix: Tensor, right: Tensor) -> Tensor:
    """Return the solution where there are many unknowns."""
    values, vectors = torch.linalg.eigh(matrix)
    inverse = torch.where(values > 10 * right.shape[-1] * rounding_of(values), 1 / values, 0.0)
    solution: Tensor = vectors @ (inverse[..., None] * (vectors.mT @ right[..., None]))
    return solution[..., 0]


def rounding_of(numbers: Tensor) -> float:
    """Return the rounding of one."""
    return float(torch.finfo(numbers.dtype).eps)
