"""Whoever holds an optimizer's states has the states themselves, before the first step and after."""

import copy
from collections import defaultdict

import pytest
import torch

from thalweg import Adam


@pytest.fixture
def optimizer():
    param = torch.zeros(3)
    param.grad = torch.ones(3)
    return Adam([param])


def test_the_states_stay_the_object_that_they_were(optimizer):
    states = optimizer.state
    optimizer.step()
    assert optimizer.state is states
    optimizer.load_state_dict(optimizer.state_dict())
    states = optimizer.state
    optimizer.step()
    assert optimizer.state is states


@pytest.mark.parametrize("copied", [copy.copy, dict.copy, lambda states: states.copy()])
def test_a_shallow_copy_is_plain_and_has_the_same_states(copied, optimizer):
    optimizer.step()
    copied = copied(optimizer.state)
    assert type(copied) in (dict, defaultdict)
    assert all(copied[param] is state for param, state in optimizer.state.items())


def test_a_deep_copy_is_plain_and_has_its_own(optimizer):
    optimizer.step()
    copied = copy.deepcopy(optimizer.state)
    assert type(copied) is defaultdict
    (state,) = copied.values()
    assert type(state) is dict
    state["exp_avg"].zero_()
    (state,) = optimizer.state.values()
    assert state["exp_avg"].all()
