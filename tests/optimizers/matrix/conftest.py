import pytest
import torch

from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS, as_matrices


@pytest.fixture
def _exact(monkeypatch):
    """Make matrices orthogonal by their singular values: the iteration has tests of its own."""

    def polar(stack, steps, eps, batch_dims, blocks, *coefficients):
        u, _, v = torch.linalg.svd(as_matrices(stack.double(), batch_dims, blocks), full_matrices=False)
        return (u @ v).reshape(stack.shape)

    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", polar)
