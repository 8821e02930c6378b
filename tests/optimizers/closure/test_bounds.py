"""Bounds: never crossed, reached where the minimum lies on them, refused where they make no sense."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import LBFGS


def test_numbers_stay_inside_and_the_minimum_is_on_the_border(task):
    seen = []

    def loss(x):
        seen.append(x.detach().clone())
        return (x - 3).square().sum()

    run = task(LBFGS, loss, torch.zeros(4, dtype=torch.float64), bounds=(-1.0, torch.tensor([1.0, 2.0, 5.0, 0.0])))
    assert run.step().success
    assert_close(run.x.detach(), torch.tensor([1.0, 2.0, 3.0, 0.0], dtype=torch.float64))
    assert all(bool((x >= -1).all()) and bool((x <= torch.tensor([1.0, 2, 5, 0])).all()) for x in seen)


def test_scipy_finds_the_same(task, rosenbrock):
    scipy = pytest.importorskip("scipy.optimize")
    run = task(LBFGS, bounds=(-2.0, 0.8), max_iter=500)
    run.step()

    def both(x):
        t = torch.tensor(x, requires_grad=True)
        value = rosenbrock(t)
        value.backward()
        return float(value.detach()), t.grad.numpy()

    start = torch.tensor([-1.2, 0.8] * 5).numpy()
    theirs = scipy.minimize(both, start, jac=True, bounds=[(-2, 0.8)] * 10, options={"ftol": 0, "gtol": 1e-10})
    assert float(rosenbrock(run.x.detach())) <= theirs.fun + 1e-9


def test_a_start_outside_is_moved_inside(task):
    run = task(LBFGS, lambda x: x.square().sum(), torch.full((2,), 9.0, dtype=torch.float64), bounds=(1.0, 2.0))
    run.step()
    assert run.x.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("bounds", "error", "words"),
    [
        ((1.0, 0.0), ValueError, "low <= high in the bounds of parameter 0, but 10 are crossed"),
        ((torch.zeros(3), None), ValueError, r"shape \(10,\), but it has \(3,\)"),
        (3.0, TypeError, r"a pair \(low, high\), but got 3.0"),
        ([(0.0, 1.0), None], ValueError, "2 for 1 parameters"),
    ],
)
def test_bad_bounds_are_named(task, bounds, error, words):
    with pytest.raises(error, match=words):
        task(LBFGS, bounds=bounds)
