"""An lr of zero holds a group where it is, as schedulers and fine-tuning have it."""

import pytest
import torch

from thalweg.optimizers.closure import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion
from thalweg.optimizers.closure.run.result import Reason

every_method = pytest.mark.parametrize("make", [LBFGS, BFGS, SSBroyden, CG, NewtonCG, TrustRegion])


def two_groups(make, **options):
    x, held = (torch.nn.Parameter(torch.tensor([start], dtype=torch.float64)) for start in (3.0, 4.0))
    optimizer = make([{"params": [x]}, {"params": [held], "lr": 0.0}], **options)

    def closure():
        optimizer.zero_grad()
        loss = ((x - held / 2) ** 4 + (x - held / 2) ** 2 + held**2).sum()
        loss.backward()
        return loss

    return x, held, optimizer, closure


@every_method
def test_the_others_arrive_at_their_minimum(make):
    """The slope of what is held counted as one to go down, and the gradient was called wrong."""
    x, held, optimizer, closure = two_groups(make, max_iter=50)
    optimizer.step(closure)
    assert optimizer.result.success, optimizer.result.message
    assert (x.item(), held.item()) == (pytest.approx(2), 4.0)


@every_method
def test_a_step_of_no_length_changes_nothing_and_the_next_goes_on(make):
    x, held, optimizer, closure = two_groups(make, max_iter=1)
    optimizer.step(closure)
    before = x.item()
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step(closure)
    assert optimizer.result.reason is Reason.NO_GRADIENT
    assert x.item() == before
    optimizer.param_groups[0]["lr"] = 1.0
    for _ in range(50):
        optimizer.step(closure)
    assert optimizer.result.success, optimizer.result.message
    assert (x.item(), held.item()) == (pytest.approx(2), 4.0)


def test_sizes_of_a_fit_are_those_of_what_may_move():
    """Sizes were read once, for all parameters; a frozen one left them too many."""
    a, b = (torch.nn.Parameter(torch.tensor([start], dtype=torch.float64)) for start in (3.0, 4.0))
    optimizer = LevenbergMarquardt([a, b], x_scale=[2.0, 3.0], max_iter=1)

    def residuals():
        return torch.cat((a * b - 6, a - 2, b - 3))

    optimizer.step(residuals)
    before = b.item()
    b.requires_grad_(False)
    for _ in range(20):
        optimizer.step(residuals)
    assert optimizer.result.success, optimizer.result.message
    assert b.item() == before
