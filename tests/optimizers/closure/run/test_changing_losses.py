"""A loss may be another function in the next step: new data, a larger penalty."""

import pytest
import torch

from thalweg.optimizers.closure import BFGS, CG, LBFGS, NewtonCG, SSBroyden, TrustRegion

every_method = pytest.mark.parametrize("make", [LBFGS, BFGS, SSBroyden, CG, NewtonCG, TrustRegion])


@every_method
def test_a_loss_that_rises_between_steps_is_no_noise(make):
    """The point was kept with the loss before, no trial came as low, and all steps to come said that it was noisy."""
    x, target = torch.nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64)), torch.tensor(2.0)
    optimizer = make([x], max_iter=2)

    def closure():
        optimizer.zero_grad()
        loss = ((x - target) ** 4 + (x - target) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert not optimizer.result.success
    target += 300
    for _ in range(60):
        optimizer.step(closure)
    assert x.tolist() == pytest.approx([302, 302], rel=1e-6)
    assert optimizer.result.success, optimizer.result.message


@every_method
def test_a_step_after_a_failure_evaluates_anew(make):
    """The point that failed was kept, with a loss that may be whole again."""
    x, sign = torch.nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64)), torch.tensor(-1.0)
    optimizer = make([x], max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = (x - 2).square().sum()
        loss.backward()
        x.grad *= sign
        return loss

    optimizer.step(closure)
    assert not optimizer.result.success
    sign.fill_(1.0)
    optimizer.step(closure)
    assert optimizer.result.success, optimizer.result.message
    assert x.tolist() == pytest.approx([2, 2])
