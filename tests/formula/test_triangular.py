"""Products with triangular matrices: what is left out is zero, and symmetric ones are symmetric to the bit."""

import pytest
import torch

from thalweg.formula.matrices.matrix_products import PANEL, panels, symmetric_product
from thalweg.formula.matrices.triangular import lower_matmul, upper_by_upper, upper_matmul

SIZES = [1, 5, 2 * PANEL + 1, 5 * PANEL]
"""In one panel, in two, and in as many as there are at most."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_products_with_triangular_matrices(size, batch):
    factors, matrices = torch.randn(*batch, size, size).double(), torch.randn(*batch, size, 7).double()
    # sums in another order
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(upper_matmul(factors.triu(), matrices), factors.triu() @ matrices, **close)
    torch.testing.assert_close(lower_matmul(factors.tril(), matrices), factors.tril() @ matrices, **close)
    other = torch.randn(*batch, size, size).double().triu()
    torch.testing.assert_close(upper_by_upper(factors.triu(), other), factors.triu() @ other, **close)
    turned = factors.triu().mT
    torch.testing.assert_close(lower_matmul(turned, matrices), turned @ matrices, **close)


def test_what_lies_on_the_other_side_is_not_read_beyond_a_panel():
    """So the time that it would take is saved."""
    factors = torch.eye(2 * PANEL)
    factors[PANEL:, :PANEL] = torch.nan
    assert torch.equal(upper_matmul(factors, torch.ones(2 * PANEL, 1)), torch.ones(2 * PANEL, 1))
    assert torch.equal(lower_matmul(factors.mT, torch.ones(2 * PANEL, 1)), torch.ones(2 * PANEL, 1))
    assert torch.equal(upper_by_upper(factors, torch.eye(2 * PANEL)), torch.eye(2 * PANEL))


@pytest.mark.parametrize("size", SIZES)
def test_a_matrix_by_itself_transposed(size):
    matrix = torch.randn(size, 9).double()
    product = symmetric_product(matrix, matrix.mT)
    torch.testing.assert_close(product, matrix @ matrix.mT, rtol=1e-12, atol=1e-12)
    for first, last in panels(matrix):
        assert torch.equal(product[last:, first:last], product[first:last, last:].mT)
