"""A hundred steps beside torch.optim: groups with options of their own, missing gradients, schedules, every format."""

import pytest
import torch

from ..traits import in_turn
from .conftest import CATALOGUE
from .test_schedulers import MADE, stepped_schedule
from .test_torch import shared

STEPS = 100
SHAPES = [(3, 2), (5,), ()]


@pytest.fixture(autouse=True)
def _single_numbers_as_precise_as_tensors():
    yield
    torch.set_default_dtype(torch.float32)


def pair(cls, options, torchs, dtype):
    """The same start under both libraries: two groups, of which the second learns faster."""
    torch.manual_seed(0)
    torch.set_default_dtype(dtype.to_real())
    start = [torch.randn(shape, dtype=dtype) for shape in SHAPES]

    def made(make, given):
        first, *others = [param.clone() for param in start]
        return make([{"params": [first]}, {"params": others, "lr": 0.02}], **given)

    ours = made(cls, options)
    return ours, made(torchs, shared(ours))


def gradients(step, dtype):
    """Each parameter misses some steps; one starts late."""
    generator = torch.Generator().manual_seed(step)
    found = [torch.randn(shape, dtype=dtype, generator=generator) for shape in SHAPES]
    return [None if step % (7 + index) == 3 or (index == 2 and step < 20) else g for index, g in enumerate(found)]


def walk(optimizer, dtype, steps, schedule=lambda: None):
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for step in range(steps):
        for param, gradient in zip(params, gradients(step, dtype), strict=True):
            param.grad = None if gradient is None else gradient + 0.1 * param.detach()
        optimizer.step()
        schedule()
    return params


def test_a_hundred_steps(cls, options, torchs):
    dtype = in_turn((torch.float32, torch.complex128, torch.float64), CATALOGUE.index(cls) + len(options))
    ours, theirs = pair(cls, options, torchs, dtype)
    # A step rounds some ten times by half an ulp; errors of a hundred steps add up at worst, and numbers are about 1.
    tolerance = 1000 * torch.finfo(dtype).eps
    torch.testing.assert_close(walk(ours, dtype, STEPS), walk(theirs, dtype, STEPS), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(ours.state_dict()["state"], theirs.state_dict()["state"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_under_every_schedule(cls, required, torchs, make):
    ours, theirs = pair(cls, required, torchs, torch.float64)
    ends = [walk(optimizer, torch.float64, 10, stepped_schedule(make(optimizer))) for optimizer in (ours, theirs)]
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)
    drawn = [[{name: group[name] for name in shared(ours)} for group in one.param_groups] for one in (ours, theirs)]
    assert drawn[0] == drawn[1]
