import numpy as np
import pytest
import torch

import thalweg as optim
from tests.papers.sgd import asgd_average


@pytest.mark.parametrize("t0", [0, 5, 1e6])
def test_average_of_asgd_agrees_with_the_paper(t0):
    gradients = np.random.default_rng(0).normal(size=20).tolist()
    param = torch.tensor(0.5, dtype=torch.float64)
    optimizer = optim.ASGD([param], t0=t0, lambd=0.1, lr=0.1)
    for expected, gradient in zip(asgd_average(0.5, gradients, t0=t0, lambd=0.1, lr=0.1), gradients, strict=True):
        param.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        # eta and mu are kept in float32, as torch.optim keeps them
        assert optimizer.state[param]["ax"].item() == pytest.approx(expected, rel=1e-6)


def test_momentum_that_a_schedule_switches_on_starts_with_the_gradient():
    param = torch.zeros(1)
    optimizer = optim.SGD([param], 1.0)
    param.grad = torch.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.step()
    assert param.item() == -2
    optimizer.step()
    assert optimizer.state[param]["momentum_buffer"].item() == pytest.approx(1.9)


def test_an_integral_momentum_is_a_number_like_any_other():
    param = torch.zeros(1)
    optimizer = optim.SGD([param], 1, 1)
    for _ in range(3):
        param.grad = torch.ones(1)
        optimizer.step()
    assert param.item() == -(1 + 2 + 3)
