"""Small symmetric systems solved number by number: each is a vector over many systems, or a symbol of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .....formula import where


def eliminated(matrix: Sequence[Sequence[Any]], right: Sequence[Any], damping: Any, rounding: float) -> list[Any]:
    """Return p where (`matrix` + `damping` I) p = `right`, by Cholesky's elimination without roots, L D L'.

    `matrix` is a lower triangle, positive semidefinite, with a diagonal of about one. An unknown whose pivot is lost in
    `rounding` stays zero, as if it were not there.
    """
    n = len(right)
    a, b = [list(row) for row in matrix], list(right)
    inverses = []
    for k in range(n):
        pivot = a[k][k] if damping is None else a[k][k] + damping
        inverses.append(where(pivot > 10 * n * rounding, 1 / pivot, 0.0))
        for i in range(k + 1, n):
            factor = a[i][k] * inverses[k]
            for j in range(k + 1, i + 1):
                a[i][j] = a[i][j] - factor * a[j][k]
            b[i] = b[i] - factor * b[k]
    return substituted(a, b, inverses)


def substituted(a: list[list[Any]], b: list[Any], inverses: list[Any]) -> list[Any]:
    """Return the unknowns, from the last to the first known ones."""
    n = len(b)
    p = list(b)
    for i in reversed(range(n)):
        for j in range(i + 1, n):
            p[i] = p[i] - a[j][i] * p[j]
        p[i] = p[i] * inverses[i]
    return p


def inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """Return the scalar product, added in the order of the numbers."""
    total = a[0] * b[0]
    for one, other in zip(a[1:], b[1:], strict=True):
        total = total + one * other
    return total
