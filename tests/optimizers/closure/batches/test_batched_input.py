"""Batches: any scale of the loss, and what cannot be read is refused in a sentence."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import curve_fit, least_squares, minimize

scipy = pytest.importorskip("scipy.optimize")

STARTS = torch.tensor([[-1.2, 1.0], [2.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
T = torch.linspace(0, 4, 20, dtype=torch.float64)
MANY = torch.stack([2.5 * torch.exp(-1.3 * T) + 0.5 + 0.1 * i for i in range(3)])


def rosenbrocks(x):
    return 100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2


def decay(t, a, b, c):
    return a * torch.exp(-b * t) + c


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize(
    ("dtype", "scale"), [(torch.float32, 1e30), (torch.float32, 1e-30), (torch.float64, 1e150), (torch.float64, 1e-150)]
)
def test_scales_of_the_loss(method, dtype, scale):
    def run(factor):
        return minimize(lambda x: factor * rosenbrocks(x), STARTS.to(dtype), method, batched=True)

    plain, scaled = run(1.0), run(scale)
    assert bool(scaled.success.all())
    assert scaled.nfev <= plain.nfev + 10
    assert_close(scaled.x, torch.ones_like(scaled.x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_a_row_at_zero_that_no_search_moved_is_no_minimum(method):
    assert not bool(minimize(lambda x: x.sum(1), STARTS, method, batched=True).success.any())


def test_one_pair_of_scipys_bounds_holds_for_all_numbers():
    found = minimize(rosenbrocks, STARTS, bounds=scipy.Bounds(0, 0.5), batched=True)
    assert_close(found.x, torch.tensor([[0.5, 0.25]] * 3, dtype=torch.float64))
    for bounds in (scipy.Bounds(0, 9), np.array([[0, 0, 0], [9, 9, 9]])):
        popt, _ = curve_fit(decay, T, MANY, bounds=bounds, batched=True)
        assert_close(popt[:, 2], torch.tensor([0.5, 0.6, 0.7], dtype=torch.float64))


def test_tolerances_and_counts_under_scipys_names():
    assert minimize(rosenbrocks, STARTS, tol=1e-3, options={"maxiter": 500}, batched=True).success.all()
    starts = torch.ones(3, 3, dtype=torch.float64)
    fits = least_squares(
        lambda p, y: decay(T, *p[:, :, None].unbind(1)) - y, starts, args=(MANY,), batched=True, ftol=1e-12, max_nfev=90
    )
    assert fits.success.all()


@pytest.mark.parametrize("sigma", [None, torch.ones(0, 20)], ids=["no sigma", "sigma"])
def test_no_data_sets_have_no_parameters(sigma):
    """They were refused, as if each of them had no points."""
    for p0, bounds in ((None, None), ([1.0, 1.0, 1.0], (0, 5)), (torch.ones(0, 3), None)):
        popt, pcov, *_ = curve_fit(decay, T, MANY[:0], p0, sigma, bounds=bounds, batched=True, full_output=True)
        assert popt.shape == (0, 3)
        assert pcov.shape == (0, 3, 3)
    with pytest.raises(ValueError, match="ydata with at least one point"):
        curve_fit(decay, T[:0], MANY[:, :0], batched=True)


CENTRES = torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(12, 2)
WEIGHTS = torch.logspace(-2, 2, 12, dtype=torch.float64)[:, None]
"""Twelve bowls, some so round that they end at once, some so narrow that they go on for long."""


@pytest.mark.parametrize(("method", "bounds"), [("lbfgs", None), ("lbfgs", (-1, 1)), ("bfgs", None)], ids=str)
def test_a_row_takes_its_own_data_along(method, bounds):
    """Rows that have arrived leave the batch, and what is left must still meet its own data."""

    def bowls(x, weights, centres):
        bend = torch.cat((weights, 1 / weights), 1)
        return (bend * (x - centres) ** 2 + 0.1 * (x - centres) ** 4).sum(1)

    starts = torch.zeros_like(CENTRES)
    found = minimize(bowls, starts, method, args=(WEIGHTS, CENTRES), bounds=bounds, batched=True)
    assert found.success.all()
    assert_close(found.x, CENTRES if bounds is None else CENTRES.clamp(*bounds), rtol=0, atol=1e-4)
    with pytest.raises((RuntimeError, ValueError), match=r"belongs to a row .*in args"):
        minimize(lambda x: bowls(x, WEIGHTS, CENTRES), starts, method, batched=True)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: minimize(rosenbrocks, STARTS, bounds=((0, 1), (0, 2)), batched=True), ValueError, "a tuple \\(low, h"),
        (lambda: minimize(rosenbrocks, STARTS, bounds=np.ones((2, 2)), batched=True), ValueError, "a tuple \\(low, h"),
        (lambda: minimize(rosenbrocks, STARTS, foo=1, batched=True), TypeError, "has no option 'foo'"),
        (
            lambda: minimize(rosenbrocks, STARTS, options={"return_all": True}, batched=True),
            ValueError,
            "no return_all",
        ),
        (lambda: minimize(rosenbrocks, STARTS, max_iter=0, batched=True), ValueError, "max_iter to be at least 1"),
        (lambda: minimize(lambda x: rosenbrocks(x) + 0j, STARTS, batched=True), TypeError, "real numbers"),
        (lambda: least_squares(lambda p: p - 1, STARTS, foo=1, batched=True), TypeError, "has no option 'foo'"),
        (lambda: least_squares(lambda p: p - 1, STARTS, max_iter=0, batched=True), ValueError, "max_iter to be at l"),
        (lambda: least_squares(lambda p: p - 1, STARTS, batched=True, differentiable=True), ValueError, "no different"),
        (lambda: least_squares(lambda p: p[:, :0], STARTS, batched=True), ValueError, "at least one residual"),
        (lambda: curve_fit(decay, T, MANY, torch.ones(2, 3), batched=True), ValueError, "a row for each of the 3"),
        (lambda: curve_fit(decay, T[:9], MANY, batched=True), ValueError, "20 values for each data set"),
    ],
)
def test_what_cannot_be_read_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
