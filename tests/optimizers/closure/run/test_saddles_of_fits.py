"""Saddles of sums of squares: to first order no residual changes there, so that a model of residuals sees nothing."""

import pytest
import torch

from thalweg.optimizers.closure import least_squares
from thalweg.optimizers.closure.run import unseen

T = torch.linspace(0, 1, 30, dtype=torch.float64)


def product(p):
    return p[0] * p[1] * T.to(p) - 3 * T.to(p)


def square(p):
    return p[0] ** 2 * T.to(p) + p[1] - (3 * T.to(p) + 1)


def cube(p):
    return p[0] ** 3 * T.to(p) - 3 * T.to(p)


def sine(p):
    return p[0] * torch.sin(p[1] * T.to(p)) - 2 * torch.sin(T.to(p))


def two_decays(p):
    t = 4 * T.to(p)
    return p[0] * torch.exp(-p[1] * t) + p[2] * torch.exp(-p[3] * t) - 2 * torch.exp(-0.5 * t) - torch.exp(-3 * t)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("residuals", "start", "bounds"),
    [
        (product, [0.0, 0.0], None),
        (square, [0.0, 0.0], None),
        (square, [0.0, 0.0], (0.0, 5.0)),
        (cube, [0.0], None),
        (sine, [0.0, 0.0], None),
        (two_decays, [1.0, 1.0, 1.0, 1.0], None),
    ],
)
def test_a_saddle_is_no_success(residuals, start, bounds, dtype):
    fit = least_squares(residuals, torch.tensor(start, dtype=dtype), bounds=bounds)
    assert not fit.success
    assert "saddle" in fit.message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_that_do_not_matter_are_no_saddle(dtype):
    """Two that count only as a product, one that nothing depends on, and one that cannot help, at a large residual."""

    def residuals(p):
        t = T.to(p)
        return torch.cat([p[0] * p[1] * t + 0 * p[2] - 3 * t - 0.1 * torch.sin(9 * t), 1 + p[3][None] ** 2])

    fit = least_squares(residuals, torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=dtype))
    assert fit.success, fit.message


def test_a_minimum_that_all_residuals_tell_of_takes_no_evaluation_more(monkeypatch):
    monkeypatch.setattr(unseen, "bends_down", lambda *given: pytest.fail("nothing is hidden here"))
    fit = least_squares(lambda p: torch.stack([p[0] - 1, p[1] - 2, p[0] + p[1] - 4]), [0.0, 0.0])
    assert fit.success
