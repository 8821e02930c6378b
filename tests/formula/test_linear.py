"""Words for whole matrices: what they compute, and which matrices may meet."""

import re

import pytest
import torch

from thalweg.formula import (
    Left,
    Right,
    eigenbasis,
    matmul,
    nearer_basis,
    sorted_columns,
    sorted_rows,
    total,
    transpose,
)
from thalweg.formula.tracing.trace import formula_of
from thalweg.optimizer import Optimizer


def symmetric(*shape):
    x = torch.randn(*shape, shape[-1] + 2, dtype=torch.float64)
    return x @ x.mT


def test_eigenvectors_the_largest_first():
    a = symmetric(2, 5)
    basis = eigenbasis(a, torch.zeros_like(a))
    values = torch.diagonal(basis.mT @ a @ basis, dim1=-2, dim2=-1)
    torch.testing.assert_close(basis @ torch.diag_embed(values) @ basis.mT, a)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(a).flip(-1))
    torch.testing.assert_close(basis.mT @ basis, torch.eye(5, dtype=torch.float64).expand(2, 5, 5))


def test_a_basis_comes_nearer():
    """Orthogonal iteration goes to the eigenvectors, whatever basis it starts from."""
    a, basis = symmetric(6), torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    away = []
    for _ in range(60):
        basis, order = nearer_basis(a, basis)
        inner = basis.mT @ a @ basis
        away.append((inner - torch.diag(torch.diagonal(inner))).abs().max().item())
    assert away[-1] < 1e-3 * away[0]
    assert order.tolist() == list(range(6))
    assert nearer_basis(a, basis.flip(-1))[1].tolist() == [5, 4, 3, 2, 1, 0]


def test_what_is_ordered():
    x, order = torch.arange(6.0).reshape(2, 3), torch.tensor([2, 0, 1])
    assert sorted_columns(x, order).tolist() == [[2, 0, 1], [5, 3, 4]]
    assert sorted_rows(x.mT, order).tolist() == [[2, 5], [0, 3], [1, 4]]


def test_what_has_no_number_has_no_eigenvectors():
    assert eigenbasis(torch.full((2, 2), torch.inf), torch.eye(2)).isnan().all()


def traced(update):
    cls = type("Toy", (Optimizer,), {"update": update, "counts_steps": False})
    return formula_of(cls.rule, cls([torch.zeros(2, 3)]).param_groups[0])


def test_which_matrix_a_product_is():
    def update(self, param, grad, left: Left, right: Right):
        left = matmul(grad, transpose(grad))
        right = matmul(transpose(grad), matmul(left, grad))
        return (
            matmul(matmul(eigenbasis(left, left), param), right) + matmul(transpose(transpose(param)), right),
            left,
            right,
        )

    assert traced(update).states == ["left", "right"]


WRONG = [
    (
        lambda p, left, right: (matmul(p, left), left, right),
        "needs a to have as many columns as b has rows, but these are",
    ),
    (lambda p, left, right: (transpose(p), left, right), "matrices of two shapes meet element by element"),
    (
        lambda p, left, right: (p + left, left, right),
        "matrices of two shapes meet element by element: use matmul(a, b)",
    ),
    (lambda p, left, right: (p, right, right), "matrices of two shapes meet"),
    (
        lambda p, left, right: (p, eigenbasis(p, left), right),
        "eigenbasis is for square matrices, but got one with a parameter's",
    ),
    (lambda p, left, right: (p * matmul(total(p), p), left, right), "matmul is for matrices, but got a number"),
    (lambda p, left, right: (matmul(2, p), left, right), "matmul is for matrices, but got a number"),
]


@pytest.mark.parametrize(("what", "sentence"), WRONG, ids=[str(place) for place in range(len(WRONG))])
def test_which_matrices_may_meet(what, sentence):
    def update(self, param, grad, left: Left, right: Right):
        return what(param - grad, left, right)

    with pytest.raises(TypeError, match=re.escape(sentence)):
        traced(update)
