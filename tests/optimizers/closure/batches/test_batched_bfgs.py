"""Batches of BFGS: each row keeps a factor of its inverse Hessian, which stays positive."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import minimize
from thalweg.optimizers.closure.batches.losses.bfgs import advance, started
from thalweg.optimizers.closure.batches.losses.row_losses import RowLosses


def chain(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def singular(x):
    """Powell's function, whose Hessian at the minimum has two eigenvalues of zero."""
    a, b, c, d = x.unbind(1)
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def noisy(*centre, count=300):
    generator = torch.Generator().manual_seed(0)
    noise = 0.5 * torch.randn(count, len(centre), dtype=torch.float64, generator=generator)
    return torch.tensor(centre, dtype=torch.float64) + noise


def bent_inverse(inverse, s, y):
    """Nocedal & Wright 2006, equation 6.17; the first inverse is that of 6.20."""
    inverse = torch.eye(len(s), dtype=s.dtype) * (s @ y / (y @ y)) if inverse is None else inverse
    left = torch.eye(len(s), dtype=s.dtype) - torch.outer(s, y) / (s @ y)
    return left @ inverse @ left.T + torch.outer(s, s) / (s @ y)


def test_factors_are_those_of_the_inverses_in_the_book():
    losses = RowLosses(chain, (), 5)
    rows = started(losses, noisy(-1.0, 1.0, 2.0, count=5))
    inverses = [None] * 5
    accepted = torch.ones(5, dtype=torch.bool)
    for _ in range(6):
        x = rows.x + rows.alpha[:, None] * rows.direction
        s, (value, gradient) = x - rows.x, rows.at(losses, x)
        y = gradient - rows.gradient
        bends = ((s * y).sum(1) > 0).tolist()
        pairs = zip(inverses, s, y, bends, strict=True)
        inverses = [bent_inverse(inverse, *pair) if bend else inverse for inverse, *pair, bend in pairs]
        advance(rows, accepted, x, value, gradient)
        rows.alpha *= 0.1
        for factor, inverse in zip(rows.factor, inverses, strict=True):
            if inverse is not None:
                assert_close(factor @ factor.T, inverse, rtol=1e-8, atol=1e-8 * float(inverse.abs().max()))
    assert all(inverse is not None for inverse in inverses)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_a_singular_minimum_is_reached(dtype):
    """Inverses that were not factored lost their positive eigenvalues: 6 of 300 rows arrived, in float32 237."""
    found = minimize(singular, noisy(3.0, -1.0, 0.0, 1.0).to(dtype), "bfgs", batched=True)
    assert found.success.all()
    assert float(found.fun.max()) < torch.finfo(dtype).eps ** 2
    assert found.nfev < 500


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_a_search_ends_where_no_number_lies_between_its_ends(method):
    """In float32 the last searches made thirty trials each at two neighbouring numbers."""

    def bowl(x):
        return torch.logsumexp(torch.cat((x, -2 * x), 1), 1) + 0.01 * x.square().sum(1)

    found = minimize(bowl, noisy(0.0, 0.0, 0.0).float(), method, batched=True)
    assert found.success.all()
    assert found.nfev < 70
