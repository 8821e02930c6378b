"""Valleys: floors that lead to infinity are no minima, and to tell so costs little where they do not."""

import pytest
import torch

from thalweg.optimizers.closure import minimize

both_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

STRAIGHT = {
    "two numbers": lambda x: 5 + (-x[0]).exp() + (x[0] - 2 * x[1]) ** 2,
    "opposite signs": lambda x: 5 + (-x[0]).exp() + (x[0] + x[1]) ** 2,
    "three numbers": lambda x: 5 + (-x[0]).exp() + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2,
}


@both_dtypes
@pytest.mark.parametrize("name", STRAIGHT)
def test_the_floor_of_a_straight_valley_leads_to_infinity(name, dtype):
    """Its steep sides held each number by itself: L-BFGS called the floor a minimum from these starts."""
    for start in ([0.3, -0.7, 2.0], [10.0, 9.0, 10.5]):
        found = minimize(STRAIGHT[name], torch.tensor(start, dtype=dtype))
        assert not found.success, (start, found.x)
        assert "infinity" in found.message


CLOSED = {
    "a long bowl": lambda x: 5 + 100 * (x[0] - 2 * x[1]) ** 2 + 0.01 * (x[0] - 30) ** 2,
    "a number that is not seen": lambda x: 5 + (x[0] - 2 * x[1]) ** 2 + (x[0] + x[1] - 30) ** 2 + 0 * x[2],
}


@both_dtypes
@pytest.mark.parametrize("name", CLOSED)
def test_a_valley_that_ends_has_a_minimum(name, dtype):
    found = minimize(CLOSED[name], torch.tensor([0.3, -0.7, 2.0], dtype=dtype))
    assert found.success, found.message


def test_a_run_that_has_leapt_far_looks_all_the_way_back():
    """CG leaps to 3e14 at once; looks that ended at a ten-millionth of that found the loss flat."""
    found = minimize(lambda x: 1 + (x**-4).sum(), torch.tensor([0.2, 0.6], dtype=torch.float64), "cg")
    assert float(found.x.abs().max()) > 1e12
    assert not found.success
    found = minimize(lambda x: torch.nn.functional.softplus(-x).sum(), torch.tensor([1.0, 2.0]), "cg")
    assert not found.success


def test_others_do_not_follow_where_slopes_cannot_bring_them_down():
    """Brown's badly scaled function: the others followed for 40 evaluations, though 6e10 lay above them."""
    found = minimize(lambda x: (x[0] - 1e6) ** 2 + (x[1] - 2e-6) ** 2 + (x[0] * x[1] - 2) ** 2, torch.ones(2))
    assert found.success, found.message
    assert found.nfev < 40


def test_a_loss_that_slopes_explain_is_not_asked_again():
    """It was evaluated a second time at the same point, to tell noise, before anything else was looked at."""
    points = []

    def chebyquad(x):
        points.append(tuple(x.tolist()))
        t, before, rest = 2 * x - 1, torch.ones_like(x), []
        for k in range(1, len(x) + 1):
            rest.append(t.mean() + (1 / (k * k - 1) if k % 2 == 0 else 0.0))
            before, t = t, 2 * (2 * x - 1) * t - before
        return torch.stack(rest).square().sum()

    found = minimize(chebyquad, torch.arange(1, 9).float() / 9)
    assert found.success, found.message
    assert "promises none beyond rounding" in found.message
    assert len(set(points)) == len(points)
