"""A warning points at the program's own line, whichever way through the package it took."""

import warnings

import pytest
import torch

from thalweg.optimizers.closure import curve_fit, least_squares, minimize

ONES = torch.ones(2, dtype=torch.float64)
SIX = torch.arange(6.0)


def bowl(x):
    return x.square().sum()


def trough(x):
    return x.sum().square()


def together(x):
    return x.sum() * SIX - 1


def rows(x):
    return x.sum(1, keepdim=True) * SIX - 1


def on_its_way_through_torch():
    with torch.no_grad():
        return torch.no_grad()(minimize)(trough, ONES, hess_inv=True)


CALLS = {
    "hess_inv": lambda: minimize(trough, ONES, hess_inv=True),
    "hess_inv later": lambda: minimize(trough, ONES).hess_inv,
    "hess": lambda: minimize(bowl, ONES, hess=lambda x: 2 * torch.eye(2)),
    "differentiable": lambda: minimize(bowl, ONES, max_iter=1, tol=0, method="cg", differentiable=True),
    "differentiable fit": lambda: least_squares(lambda x: x.exp(), ONES, max_iter=1, differentiable=True),
    "covariance": lambda: least_squares(together, ONES, covariance=True),
    "covariance later": lambda: least_squares(together, ONES).covariance,
    "covariance of rows": lambda: least_squares(rows, ONES[None], batched=True, covariance=True),
    "curve_fit": lambda: curve_fit(lambda t, a, b: a * t + b, [1.0, 2.0], [1.0, 2.0]),
    "a decorator of torch's": on_its_way_through_torch,
}


@pytest.mark.parametrize("name", CALLS)
def test_warnings_point_here(name):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        CALLS[name]()
    assert [warning.filename for warning in seen] == [__file__]
