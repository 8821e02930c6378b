"""A training that changes between torch.optim and thalweg, at any step, goes on as if it had not."""

import copy
import random

import pytest
import torch

from .test_torch import shared

SHAPES = [(3, 2), (4,), ()]


def program(seed):
    """Say of each step which parameters have gradients (frozen, late), and if the other library takes over first."""
    chance = random.Random(seed)
    return [([chance.random() < 0.6 for _ in SHAPES], chance.random() < 0.4) for _ in range(12)]


@pytest.fixture(autouse=True)
def _double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def stepped(optimizer, has_grad, gradients):
    """One step, in which some parameters take part."""
    for param, has, gradient in zip(optimizer.param_groups[0]["params"], has_grad, gradients, strict=True):
        param.grad = gradient.clone() if has else None
    optimizer.step()


def taken_over(optimizer, make):
    """The same training in another library: parameters and checkpoint."""
    other = make([param.detach().clone() for param in optimizer.param_groups[0]["params"]])
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return other


@pytest.mark.parametrize("seed", range(4))
def test_any_number_of_times(cls, options, torchs, seed):
    torch.manual_seed(4)
    start, gradients = [torch.randn(shape) for shape in SHAPES], [torch.randn(shape) for shape in SHAPES]

    def ours(params):
        return cls(params, **options)

    straight = ours([param.clone() for param in start])
    common = shared(straight)

    def theirs(params):
        return torchs(params, **common)

    makers, current = [theirs, ours], ours([param.clone() for param in start])
    for has_grad, changes in program(seed):
        if changes:
            current = taken_over(current, makers[0])
            makers.reverse()
        stepped(current, has_grad, gradients)
        stepped(straight, has_grad, gradients)
        gradients = [torch.roll(gradient, 1) + 0.25 for gradient in gradients]
    one, other = (optimizer.param_groups[0]["params"] for optimizer in (straight, current))
    # a dozen steps, each of a dozen roundings
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
