"""AdaBound's final rate under a schedule."""

import pytest
import torch

import thalweg

FAR = 10**6
"""A gamma so large that both bounds are the final rate."""


def rates(lrs, **options):
    """Give the rate of each step, with these learning rates."""
    param = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = thalweg.AdaBound([param], betas=(0.0, 0.9), gamma=FAR, final_lr=0.1, **options)
    found = []
    for lr in lrs:
        optimizer.param_groups[0]["lr"] = lr
        before = param.item()
        param.grad = torch.ones_like(param)
        optimizer.step()
        found.append(before - param.item())
    return found


@pytest.mark.parametrize(
    ("lrs", "options", "wanted"),
    [
        ([1e-3, 1e-4], {}, [0.1, 0.01]),
        ([1e-5, 1e-3, 1e-4], {}, [0.1, 0.1, 0.01]),  # a warm-up: the largest rate so far counts
        ([1e-5, 1e-3], {"base_lr": 1e-3}, [0.001, 0.1]),
        ([0.0, 1e-3], {}, [0.0, 0.1]),
    ],
)
def test_a_schedule_scales_the_final_rate(lrs, options, wanted):
    assert rates(lrs, **options) == pytest.approx(wanted, rel=1e-5)  # the bounds are 1e-6 apart
