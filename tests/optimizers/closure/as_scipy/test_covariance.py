"""The covariance of a fit, held against NIST's certified deviations and SciPy's `curve_fit`."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import least_squares

# National Institute of Standards and Technology, Statistical Reference Datasets, Misra1a: public domain.
X = torch.tensor([77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0])
Y = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78]
X, Y = X.double().mul(10).round() / 10, torch.tensor(Y, dtype=torch.float64)
CERTIFIED, DEVIATIONS = [2.3894212918e02, 5.5015643181e-04], [2.7070075241, 7.2668688436e-06]


def misra(b):
    return b[0] * (1 - torch.exp(-b[1] * X)) - Y


@pytest.mark.parametrize("start", [[500.0, 1e-4], [250.0, 5e-4]])
def test_the_deviations_are_nists(start):
    fit = least_squares(misra, start, covariance=True, tolerance_grad=0, tolerance_change=0, max_iter=100)
    assert_close(fit.x, torch.tensor(CERTIFIED, dtype=torch.float64), rtol=1e-9, atol=0.0)
    expected = torch.tensor(DEVIATIONS, dtype=torch.float64)
    assert_close(fit.covariance.diagonal().sqrt(), expected, rtol=1e-9, atol=0.0)
    assert torch.equal(fit.covariance, fit.covariance.T)


def test_units_change_nothing():
    """A parameter measured in other units has its covariance in those."""
    plain = least_squares(misra, [250.0, 5e-4], covariance=True).covariance
    unit = torch.tensor([1e-9, 1e12], dtype=torch.float64)
    scaled = least_squares(lambda b: misra(b / unit), torch.tensor([250.0, 5e-4]) * unit, covariance=True, scaled=True)
    assert_close(scaled.covariance / torch.outer(unit, unit), plain, rtol=1e-6, atol=0.0)


def test_several_tensors_come_in_their_order():
    flat = least_squares(misra, [250.0, 5e-4], covariance=True).covariance
    named = least_squares(lambda b: misra((b["height"], b["rate"])), {"height": 250.0, "rate": 5e-4}, covariance=True)
    assert_close(named.covariance, flat, rtol=1e-6, atol=0.0)


def test_it_is_computed_when_it_is_asked_for():
    fit = least_squares(misra, [250.0, 5e-4])
    assert "covariance: computed when asked for" in repr(fit)
    assert torch.equal(fit.covariance, least_squares(misra, [250.0, 5e-4], covariance=True).covariance)
    assert "covariance: tensor(" in repr(fit)


@pytest.mark.parametrize(
    ("residuals", "why"),
    [
        (lambda b: misra(b)[:2], "2 residuals for 2 parameters leave none over: give more points"),
        (lambda b: misra(b)[:1], "1 residuals for 2 parameters"),
        (lambda b: b.sum() * X - Y, "only together: the Jacobian has lower rank"),
        (lambda b: b[0] * X - Y, "some parameters change no residual"),
        (lambda b: 0 * misra(b), "some parameters change no residual"),  # the variance of a residual is zero, too
    ],
)
def test_what_data_leave_open_is_infinite_and_said(residuals, why):
    with pytest.warns(RuntimeWarning, match=why):
        fit = least_squares(residuals, [250.0, 5e-4], covariance=True)
    assert bool(fit.covariance.isinf().all())
