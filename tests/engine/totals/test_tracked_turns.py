"""What a small model's step has measured is read where machine code has put it, whichever plan took the last step."""

import math

import pytest
import torch

from thalweg import Adam

TURNS = [(0, 1), (0, 1), (0, 1), (0,), (0,), (0, 1), (0, 1), (1,), (0, 1)]


def gradients(params, whose, value):
    for index, param in enumerate(params):
        param.grad = torch.full_like(param, value * (index + 1)) if index in whose else None


def norm_of(params):
    return math.sqrt(sum(param.grad.square().sum().item() for param in params if param.grad is not None))


def test_the_last_step_is_told_of():
    params = [torch.nn.Parameter(torch.zeros(size)) for size in (4, 9)]
    optimizer = Adam(params, track=True)
    for step, whose in enumerate(TURNS):
        gradients(params, whose, step + 1.0)
        optimizer.step()
        # sums of squares of whole numbers are exact
        assert optimizer.metrics["grad_norm"] == norm_of(params)
        assert len(optimizer.metrics_by_parameter()) == len(whose)


def test_gradients_in_other_places():
    params = [torch.nn.Parameter(torch.zeros(4))]
    optimizer, kept = Adam(params, track=True), []
    for step in range(6):
        gradients(params, (0,), step + 1.0)
        kept.append(params[0].grad)
        optimizer.step()
        assert optimizer.metrics["grad_norm"] == norm_of(params)


def test_a_step_that_failed_is_followed_by_one_that_is_told_of():
    params = [torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(2))]
    optimizer = Adam(params, track=True)
    for step in range(3):
        gradients(params, (0,), step + 1.0)
        optimizer.step()
    params[1].grad = torch.sparse_coo_tensor([[0]], [1.0], (2,))
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()
    gradients(params, (0,), 7.0)
    optimizer.step()
    assert optimizer.metrics["grad_norm"] == norm_of(params)


def test_parts_that_share_what_is_told():
    """As where each parameter is stepped in backward: what is told is of the last step, whoever took it."""
    params = [torch.nn.Parameter(torch.zeros(size)) for size in (4, 9)]
    optimizer = Adam(params, track=True)
    (group,) = optimizer.param_groups
    parts = [optimizer.only(group, param, index) for index, param in enumerate(params)]
    for step, place in enumerate([0, 0, 1, 0, 1, 1, 0]):
        gradients(params, (place,), step + 1.0)
        parts[place].step()
        assert optimizer.metrics["grad_norm"] == norm_of(params)
