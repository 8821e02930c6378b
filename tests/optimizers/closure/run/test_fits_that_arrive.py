"""Fits that must not fail: minima at which the Jacobian is nearly singular, and numbers of very different sizes."""

import pytest
import torch

from thalweg.optimizers.closure import least_squares


def freudenstein_and_roth(p):
    """Freudenstein & Roth 1963: a minimum of 24.492 at (11.4128, -0.8968), where J is singular."""
    return torch.stack([-13 + p[0] + ((5 - p[1]) * p[1] - 2) * p[1], -29 + p[0] + ((p[1] + 1) * p[1] - 14) * p[1]])


def jennrich_and_sampson(p):
    """Jennrich & Sampson 1968: a minimum at two equal numbers, where both columns of J agree."""
    t = torch.arange(1, 11, dtype=p.dtype)
    return torch.exp(p[0] * t) + torch.exp(p[1] * t) - 2 - 2 * t


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("residuals", "start", "options", "answer"),
    [
        (freudenstein_and_roth, [0.5, -2.0], {}, [11.41278, -0.8968053]),
        (freudenstein_and_roth, [0.5, -2.0], {"bounds": (-20.0, 20.0)}, [11.41278, -0.8968053]),
        (jennrich_and_sampson, [0.3, 0.4], {"loss": "soft_l1", "f_scale": 0.1}, [0.2561407, 0.2561407]),
    ],
)
def test_a_minimum_with_a_nearly_singular_jacobian_is_a_success(residuals, start, options, answer, dtype):
    """There Gauss and Newton's step promises much, but the loss rises at once on the way."""
    fit = least_squares(residuals, torch.tensor(start, dtype=dtype), **options)
    assert fit.success, fit.message
    torch.testing.assert_close(fit.x.double(), torch.tensor(answer).double(), rtol=2e-3, atol=0)


def saturated(p):
    """Residuals of a line fitted by a curve that bends; the first number is as large as its wall allows."""
    t = torch.linspace(0, 1, 30, dtype=p.dtype)
    return p[0] * (1 - torch.exp(-p[1] * t)) - 3 * t


def badly_scaled(p):
    """Brown's badly scaled function: zero at (1e6, 2e-6)."""
    return torch.stack([p[0] - 1e6, p[1] - 2e-6, p[0] * p[1] - 2])


def fast_decay(p):
    """Residuals of an exponential at times up to 4e-8."""
    t = torch.linspace(0, 4, 40, dtype=p.dtype)
    return p[0] * torch.exp(-p[1] * 1e-8 * t) - (2 * torch.exp(-1.3 * t) + 0.02 * torch.sin(40 * t))


@pytest.mark.parametrize(
    ("residuals", "start", "options"),
    [
        (saturated, [1.0, 1.0], {"bounds": (0.0, [100.0, 10.0]), "loss": "soft_l1", "f_scale": 0.1}),
        (badly_scaled, [1.0, 1.0], {}),
        (fast_decay, [1.0, 1e8], {"loss": "soft_l1", "f_scale": 0.1}),
    ],
)
def test_float32_moves_a_small_number_beside_a_large_one(residuals, start, options):
    """A step is lost in rounding only if it is shorter than that of each number, not of the largest alone."""
    found = least_squares(residuals, torch.tensor(start), **options)
    exact = least_squares(residuals, torch.tensor(start, dtype=torch.float64), **options)
    assert found.success, found.message
    torch.testing.assert_close(found.x.double(), exact.x, rtol=1e-3, atol=0)
