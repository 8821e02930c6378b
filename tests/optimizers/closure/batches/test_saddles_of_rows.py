"""Saddles of sums of squares in a batch: to first order no residual changes there."""

import pytest
import torch

from thalweg.optimizers.closure import curve_fit, least_squares
from thalweg.optimizers.closure.batches import saddles_of_fits

T = torch.linspace(0, 1, 30, dtype=torch.float64)


def product(p, y):
    return p[:, :1] * p[:, 1:] * T.to(p) - y


def square(p, y):
    return p[:, :1] ** 2 * T.to(p) + p[:, 1:] - (y + 1)


def sine(p, y):
    return p[:, :1] * torch.sin(p[:, 1:] * T.to(p)) - 2 * torch.sin(y / 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"bounds": (0.0, 5.0)}, {"loss": "soft_l1"}])
@pytest.mark.parametrize("residuals", [product, square, sine])
def test_a_row_at_a_saddle_is_no_success(residuals, options, dtype):
    starts = torch.tensor([[0.0, 0.0], [0.7, 0.7]], dtype=dtype)
    fits = least_squares(residuals, starts, args=((3 * T.to(dtype)).expand(2, -1),), batched=True, **options)
    assert fits.success.tolist() == [False, True]


@pytest.mark.parametrize("tolerance", [1e-2, 1e-9])
def test_parameters_that_count_only_as_a_product_are_no_saddle(tolerance):
    """What a tolerance leaves of the slopes makes the loss fall a little along the curve of equal products."""
    y = (3 * T + 0.1 * torch.sin(9 * T)).expand(3, -1)
    starts = torch.tensor([[0.0, 1.0], [1.0, 1.0], [3.0, 2.0]], dtype=torch.float64)
    fits = least_squares(product, starts, args=(y,), batched=True, tolerance=tolerance)
    assert fits.success.tolist() == [True, True, True]


def test_a_compiled_fit_at_a_saddle_is_no_success():
    starts = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    y = (3 * T + 2).expand(2, -1)
    with pytest.warns(RuntimeWarning, match="no covariance"):
        fits = curve_fit(lambda t, a, b, c: a * b * t + c, T, y, starts, batched=True, full_output=True)
    assert fits[2]["success"].tolist() == [False, True]


def test_ways_that_leave_the_domain_are_no_saddle():
    """Nothing depends on the first number, but where it is large there are no residuals at all."""

    def residuals(p):
        return torch.stack([p[:, 1] - 1, 2 + 0 * torch.sqrt(1.0001 - p[:, 0])], 1)

    assert bool(least_squares(residuals, torch.tensor([[1.0, 3.0]]), batched=True).success)


def test_rows_that_their_residuals_tell_of_take_no_evaluation_more(monkeypatch):
    monkeypatch.setattr(saddles_of_fits, "lower_beside", lambda *given: pytest.fail("nothing is hidden here"))
    fits = least_squares(square, torch.ones(4, 2), args=((3 * T.float()).expand(4, -1),), batched=True)
    assert bool(fits.success.all())


@pytest.mark.parametrize("loss", ["arctan", "linear"])
def test_a_row_that_never_leaves_a_plateau_is_no_success(loss):
    """Far out a robust loss counts nothing of what a step gains; a row that starts at its minimum stays there, too."""
    data = torch.stack([1e6 * (T + 1), torch.sin(9 * T)])

    def residuals(p, y):
        return p[:, :1] * T + p[:, 1:] - y

    def fitted(starts):
        return least_squares(residuals, starts, args=(data,), batched=True, loss=loss, f_scale=0.3)

    line = fitted(torch.zeros(2, 2, dtype=torch.float64)).x[1]
    fits = fitted(torch.stack([torch.ones_like(line), line]))
    assert fits.success.tolist() == [loss == "linear", True]
