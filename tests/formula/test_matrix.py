"""Orthogonal matrices by products: the iteration in NumPy's float64, and what it is for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.formula import orthogonalize
from thalweg.formula.matrices.matrix import matrix_shape, newton_schulz

from .orthogonal_by_numpy import CONVERGING, JORDAN, by_numpy


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 8), (8, 5), (33, 33), (64, 100)])
@pytest.mark.parametrize("coefficients", [JORDAN, CONVERGING])
def test_the_iteration_is_numpys(shape, coefficients):
    matrix = torch.randn(shape, dtype=torch.float64)
    for steps in (0, 1, 5):
        found = orthogonalize(matrix, coefficients, steps, 1e-7)
        # bfloat16 rounds by up to 1/512, in each product, and the iteration multiplies an error by up to 3.4 a step
        wanted = torch.from_numpy(by_numpy(matrix.numpy(), coefficients, steps, 1e-7))
        torch.testing.assert_close(found, wanted, rtol=0, atol=0.01 + 0.02 * steps)


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 9))
def test_singular_values_come_near_one(rows, columns, seed):
    torch.manual_seed(seed)
    spectrum = torch.linspace(0.2, 1, min(rows, columns), dtype=torch.float64)
    u, _, v = torch.linalg.svd(torch.randn(rows, columns, dtype=torch.float64), full_matrices=False)
    made = orthogonalize(u * spectrum @ v, JORDAN, 5, 1e-7)
    values = torch.linalg.svdvals(made)
    # "S_ii ~ Uniform(0.5, 1.5)": the authors' own words for where they end
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_zeros_stay_zeros():
    assert not orthogonalize(torch.zeros(4, 6), JORDAN, 5, 1e-7).any()


def test_the_size_does_not_matter():
    """Powers of two change no digit."""
    matrix = torch.randn(6, 9)
    assert torch.equal(orthogonalize(matrix, JORDAN, 5, 1e-7), orthogonalize(2.0**9 * matrix, JORDAN, 5, 1e-7))


def test_a_transposed_matrix_gives_the_transposed():
    matrix = torch.randn(6, 9)
    assert torch.equal(orthogonalize(matrix, JORDAN, 5, 1e-7).T, orthogonalize(matrix.T, JORDAN, 5, 1e-7))


def test_more_dimensions_are_columns():
    kernel = torch.randn(6, 3, 2, 2)
    flat = orthogonalize(kernel.flatten(1), JORDAN, 5, 1e-7)
    assert torch.equal(orthogonalize(kernel, JORDAN, 5, 1e-7).flatten(1), flat)


@pytest.mark.parametrize("count", [1, 3])
def test_a_stack_is_as_many_matrices(count):
    experts = torch.randn(count, 6, 9)
    each = torch.stack([orthogonalize(expert, JORDAN, 5, 1e-7) for expert in experts])
    # batched products may be summed in another order
    torch.testing.assert_close(orthogonalize(experts, JORDAN, 5, 1e-7, 1), each, rtol=0, atol=0.02)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3)])
def test_nothing_gives_nothing(shape):
    assert orthogonalize(torch.zeros(shape), JORDAN, 5, 1e-7).shape == shape
    assert newton_schulz(torch.zeros(2, *shape), 5, 1e-7, 0, 1, *JORDAN).shape == (2, *shape)


@pytest.mark.parametrize(
    ("shape", "batch_dims", "found"),
    [((3, 4), 0, (3, 4)), ((3, 4, 5), 0, (3, 20)), ((3, 4, 5), 1, (4, 5)), ((7,), 0, (7, 1)), ((), 0, (1, 1))],
)
def test_rows_and_columns(shape, batch_dims, found):
    assert matrix_shape(shape, batch_dims) == found
