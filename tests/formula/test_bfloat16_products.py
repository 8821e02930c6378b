"""Steps of the iteration in bfloat16: the same numbers, whether a processor multiplies bfloat16 or float32."""

from contextlib import contextmanager

import pytest
import torch

from thalweg.formula.matrices import bfloat16_products, row_products
from thalweg.formula.matrices.bfloat16_products import PIECE, has_own, iterated

EXACT = (2.0, -1.0, 0.5)
"""Coefficients that leave whole numbers halves."""


@pytest.fixture(params=[False, True], ids=["float32", "bfloat16"])
def _has_own(request, monkeypatch):
    monkeypatch.setattr(bfloat16_products, "has_own", lambda: request.param)


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(params=[row_products.LARGE, 1], ids=["small", "large"])
def _largest(request, monkeypatch):
    """Have all products shared out to threads by their rows, as those of large matrices are."""
    monkeypatch.setattr(row_products, "LARGE", request.param)
    monkeypatch.setattr(row_products, "ROWS", 64)
    monkeypatch.setattr(row_products, "PIECE", 1)


def whole_numbers(*shape):
    return torch.randint(-2, 3, shape).bfloat16()


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 7), (2, 120, 9), (2, 250, 8), (1, 391, 5), (2, 600, 4), (0, 3, 4), (2, 0, 3)], ids=str
)
@pytest.mark.parametrize("coefficients", [EXACT, (2.0, -1.0, 0.0)], ids=["quintic", "cubic"])
@pytest.mark.usefixtures("_has_own", "_largest")
def test_each_product_is_summed_in_float32_and_rounded_once(shape, coefficients):
    """Of whole numbers all sums are exact, in whatever order they are taken."""
    x, (a, b, c) = whole_numbers(*shape), coefficients
    gram = (x.double() @ x.double().mT).bfloat16().double()
    polynomial = (b * gram + c * gram @ gram).bfloat16().double()
    wanted = (a * x.double() + polynomial @ x.double()).bfloat16()
    assert torch.equal(iterated(x, [coefficients]), wanted)


@pytest.mark.parametrize("shape", [(3, 5), (7, 7), (8, 8), (12, 20), (16, 16), (16, 32), (17, 33), (32, 64)], ids=str)
@pytest.mark.usefixtures("_has_own")
def test_a_matrix_has_the_bits_alone_that_it_has_beside_others(shape):
    """Rows are large and small by turns; of what they have in common, sums in some order leave something of nothing."""
    rows, columns = shape
    half = torch.randn(30, rows, -(-columns // 2), generator=torch.Generator().manual_seed(1))
    half[:, 1::2] *= 2**12
    signs = (-1.0) ** torch.arange(rows)[:, None]
    x = torch.cat([half, signs * half.flip(2)], 2)[..., :columns].bfloat16()
    together = iterated(x, [EXACT])
    assert all(torch.equal(iterated(one[None], [EXACT])[0], made) for one, made in zip(x, together, strict=True))


@pytest.mark.parametrize("shape", [(1, 147, 330), (2, 129, 130), (5, 33, 1000), (1, 300, 1000)], ids=str)
@pytest.mark.usefixtures("_has_own", "_largest")
def test_bits_do_not_go_by_the_number_of_threads(shape):
    """Torch's own threads would share a single matrix, and three or more of them add up in another order."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).bfloat16() / 16
    found = []
    for count in (1, 2, 3, 4):
        with threads(count):
            found.append(iterated(x, [EXACT]))
            assert torch.get_num_threads() == count
    alone = torch.cat([iterated(one[None], [EXACT]) for one in x])
    assert all(torch.equal(made, found[0]) for made in [*found[1:], alone])


@pytest.mark.usefixtures("_has_own")
def test_no_step_changes_nothing():
    x = whole_numbers(2, 3, 4)
    assert torch.equal(iterated(x, []), x)


@pytest.mark.usefixtures("_has_own")
def test_steps_follow_each_other():
    x = torch.randn(2, 6, 9).bfloat16() / 8
    twice = iterated(iterated(x, [EXACT]), [(3.0, -3.0, 1.0)])
    assert torch.equal(iterated(x, [EXACT, (3.0, -3.0, 1.0)]), twice)


def test_a_stack_is_worked_on_in_pieces(monkeypatch):
    monkeypatch.setattr(bfloat16_products, "has_own", lambda: False)
    x = torch.randn(5, 6, 9).bfloat16() / 8
    whole = iterated(x, [EXACT] * 2)
    monkeypatch.setattr(bfloat16_products, "PIECE", 2 * 6 * 9)
    assert torch.equal(iterated(x, [EXACT] * 2), whole)
    assert PIECE > 5 * 6 * 9


@pytest.mark.usefixtures("_has_own")
def test_what_has_a_derivative_keeps_it():
    x = (torch.randn(2, 3, 4) / 4).requires_grad_()
    iterated(x.bfloat16(), [EXACT]).float().sum().backward()
    assert x.grad.abs().sum() > 0


def test_torch_is_asked_once_and_what_it_does_not_know_is_no():
    assert has_own() is has_own.__wrapped__()
