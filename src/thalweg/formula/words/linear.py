"""What a rule may say of whole matrices: products, transposed ones, bases; of a parameter's, or of square states."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..graph.conditions import kind_of
from ..graph.expr import Expr, MatrixFunction, Scope, as_expr
from ..graph.mistakes import misused
from ..graph.move import plain
from ..graph.scopes import scope_of
from ..matrices.matrix import COEFFICIENTS, MATRIX_FUNCTIONS, ON_LINES, work_dtype

SIDES: dict[Scope, tuple[str, str]] = {
    "element": ("rows", "columns"),
    "turned": ("columns", "rows"),
    "left": ("rows", "rows"),
    "right": ("columns", "columns"),
    "thin": ("columns", "directions"),
    "thin left": ("rows", "directions"),
    "thin turned": ("directions", "columns"),
    "thin left turned": ("directions", "rows"),
}
"""What the rows and the columns of a matrix are, in terms of the parameter's."""


def matmul(a: Any, b: Any) -> Any:
    """Multiply two matrices, in the format that is computed in."""
    return _product("matmul", a, b)


def transpose(a: Any) -> Any:
    """Turn rows into columns."""
    a = plain(a)
    if isinstance(a, Tensor):
        return ON_LINES["transpose"](a)
    rows, columns = _sides("transpose", a)
    return _node("transpose", _scope(columns, rows), a)


def eigenbasis(a: Any, last: Any) -> Any:
    """Find the eigenvectors of a symmetric matrix, which are its columns: that of the largest eigenvalue first.

    Where they cannot be found, the last ones stay, and `optimizer.metrics` counts it.
    """
    return _of_square("eigenbasis", a, last)


def inverse_root(a: Any, last: Any, exponent: Any, ridge: Any) -> Any:
    """Raise a symmetric matrix, with a ridge added to its eigenvalues, to the power of -exponent.

    Where its eigenvalues cannot be found, the last root stays, and `optimizer.metrics` counts it.
    """
    return _of_square("inverse_root", a, last, numbers=(exponent, ridge))


def iterated_root(a: Any, last: Any, order: Any, ridge: Any) -> Any:
    """Find the inverse root of a whole order of a symmetric matrix with a ridge, by products alone: Newton's iteration.

    Where it does not end, the last root stays, and `optimizer.metrics` counts it.
    """
    return _of_square("iterated_root", a, last, numbers=(order, ridge))


def nearer_basis(a: Any, basis: Any) -> Any:
    """Bring a basis nearer to the eigenvectors of a symmetric matrix; return it, and the order of its columns.

    The columns are put in the order of the eigenvalues that they show, multiplied by the matrix once, and made
    orthonormal; the order says which column of before each of them was.
    """
    a, basis = plain(a), plain(basis)
    if isinstance(a, Tensor):
        return ON_LINES["nearer_basis"](a, basis)
    scope = _square("nearer_basis", a)
    order: Scope = "row" if scope == "left" else "column"
    return _node("nearer_basis", scope, a, basis), _node("nearer_basis", order, a, basis, result=1)


def iterated_basis(a: Any, basis: Any) -> Any:
    """Bring a basis nearer to the eigenvectors of a symmetric matrix, its columns staying in their order."""
    return _of_square("iterated_basis", a, basis)


def orthonormal(a: Any) -> Any:
    """Make the columns of a matrix orthonormal, the first one keeping its direction."""
    return _of_matrix("orthonormal", a)


def polar(a: Any) -> Any:
    """Find the orthogonal matrix that is nearest, by singular values; where one is zero it stays zero.

    Where they cannot be found all are zero, and `optimizer.metrics` counts it.
    """
    return _of_matrix("polar", a)


def rotated(a: Any) -> Any:
    """Turn a square matrix by a little from the left, towards a symmetric one."""
    return _of_square("rotated", a)


def unit_columns(a: Any, eps: Any) -> Any:
    """Bring each column of a matrix to a length of 1, eps being added to what it is divided by."""
    return _of_matrix("unit_columns", a, eps)


def largest_lines(values: Any, count: Any) -> Any:
    """Choose as many rows or columns, by a number for each: 1 for those with the largest, 0 for all others."""
    values, count = plain(values), plain(count)
    if isinstance(values, Tensor):
        return ON_LINES["largest_lines"](values, float(count))
    return _node("largest_lines", scope_of(values), values, numbers=(count,))


def sorted_rows(x: Any, order: Any) -> Any:
    """Put rows in the order that `nearer_basis` has found for them."""
    return _sorted("sorted_rows", x, order)


def sorted_columns(x: Any, order: Any) -> Any:
    """Put columns in the order that `nearer_basis` has found for them."""
    return _sorted("sorted_columns", x, order)


def upper(a: Any) -> Any:
    """Keep what is on and above the diagonal of a square matrix."""
    return _of_square("upper", a)


def upper_matmul(a: Any, b: Any) -> Any:
    """Multiply two matrices, of which the first is upper triangular."""
    return _product("upper_matmul", a, b)


def upper_by_upper(a: Any, b: Any) -> Any:
    """Multiply two upper triangular matrices."""
    return _product("upper_by_upper", a, b)


def lower_matmul(a: Any, b: Any) -> Any:
    """Multiply two matrices, of which the first is lower triangular."""
    return _product("lower_matmul", a, b)


def over_upper(a: Any, b: Any) -> Any:
    """Multiply a matrix by the inverse of an upper triangular one, from the right."""
    return _product("over_upper", a, b)


def largest(a: Any) -> Any:
    """Find the largest size among the elements of a square matrix."""
    return _of_square("largest", a, scope="matrix")


def spectral_bound(a: Any) -> Any:
    """Bound the largest eigenvalue of a symmetric matrix from below, by two products with a vector."""
    return _of_square("spectral_bound", a, scope="matrix")


def normal(like: Any, seed: Any, index: Any, step: Any) -> Any:
    """Draw a normal number for each element, always the same for a seed, the place of a parameter and a step."""
    like, numbers = plain(like), tuple(map(plain, (seed, index, step)))
    if isinstance(like, Tensor):
        return ON_LINES["normal"](like, *numbers)
    return _node("normal", scope_of(like), like, numbers=numbers)


def orthogonalize(x: Any, coefficients: Any, steps: Any, eps: Any, batch_dims: Any = 0, blocks: Any = 1) -> Any:
    """Bring the singular values of a tensor's matrices near 1, by steps of Newton and Schulz's iteration.

    Rows are the first dimension after `batch_dims` that only count matrices; columns are all the others together. Each
    of as many blocks of rows is a matrix of its own. Coefficients are three numbers, or three for each step in one row,
    or a name of `COEFFICIENTS`.
    """
    given = COEFFICIENTS[coefficients] if isinstance(coefficients, str) else coefficients
    x, numbers = plain(x), (steps, eps, batch_dims, blocks, *given)
    if isinstance(x, Expr):
        return _node("orthogonalize", "element", x, numbers=numbers)
    kept = work_dtype(x.dtype)
    return MATRIX_FUNCTIONS["orthogonalize"](x[None].to(kept), *numbers)[0].to(kept).to(x.dtype)


def _sorted(how: str, x: Any, order: Any) -> Any:
    x, order = plain(x), plain(order)
    if isinstance(x, Tensor):
        return ON_LINES[how](x, order)
    _sides(how, x)
    return _node(how, scope_of(x), x, order)


def _of_matrix(how: str, a: Any, *numbers: Any) -> Any:
    """Make another matrix of one, and of numbers."""
    a, plainly = plain(a), tuple(map(plain, numbers))
    if isinstance(a, Tensor):
        return ON_LINES[how](a, *map(float, plainly))
    _sides(how, a)
    return _node(how, scope_of(a), a, numbers=plainly)


def _product(how: str, a: Any, b: Any) -> Any:
    """Multiply two matrices, or divide one by the other."""
    a, b = plain(a), plain(b)
    if isinstance(a, Tensor):
        return ON_LINES[how](a, b)
    (rows, inner), (other, columns) = _sides(how, a), _sides(how, b)
    if inner != other:
        raise TypeError(f"{how}(a, b) needs a to have as many columns as b has rows, but these are {inner} and {other}")
    return _node(how, _scope(rows, columns), a, b)


def _of_square(how: str, *given: Any, numbers: tuple[Any, ...] = (), scope: Scope | None = None) -> Any:
    """Make something of square matrices of one kind, and of numbers: another one, if there is no other scope."""
    tensors, plainly = tuple(map(plain, given)), tuple(map(plain, numbers))
    if isinstance(tensors[0], Tensor):
        return ON_LINES[how](*tensors, *map(float, plainly))
    square = _square(how, tensors[0])
    return _node(how, scope or square, *tensors, numbers=plainly)


def _node(how: str, scope: Scope, *tensors: Expr, result: int = 0, numbers: tuple[Any, ...] = ()) -> MatrixFunction:
    if any(kind_of(tensor) == "condition" for tensor in tensors):
        raise TypeError(misused(how))
    return MatrixFunction(how, (*tensors, *map(as_expr, numbers)), scope, len(tensors), result)


def _sides(word: str, a: Any) -> tuple[str, str]:
    """Say what the rows and columns of a matrix are."""
    found = SIDES.get(scope_of(a)) if isinstance(a, Expr) else None
    if found is None:
        raise TypeError(f"{word} is for matrices, but got a number, or one for each row or column")
    return found


def _square(word: str, a: Any) -> Scope:
    rows, columns = _sides(word, a)
    if rows != columns:
        raise TypeError(f"{word} is for square matrices, but got one with a parameter's {rows} and {columns}")
    return _scope(rows, columns)


def _scope(rows: str, columns: str) -> Scope:
    return next(scope for scope, sides in SIDES.items() if sides == (rows, columns))
