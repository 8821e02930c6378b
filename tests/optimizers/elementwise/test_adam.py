import pytest
import torch

import thalweg as optim


@pytest.mark.parametrize("cls", [optim.Adam, optim.AdaMax])
def test_without_beta1_the_mean_is_the_last_gradient(cls):
    param = torch.zeros(1)
    optimizer = cls([param], betas=(0.0, 0.9))
    for size in (1e12, 1.1):
        param.grad = torch.tensor([size])
        optimizer.step()
    assert torch.equal(optimizer.state[param]["exp_avg"], param.grad)
