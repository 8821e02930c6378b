"""What is put around an optimizer refuses everything else, and above all a class in place of its object."""

import re

import pytest
import torch
from torch import nn

import thalweg as optim

AROUND = (
    optim.SAM,
    optim.LookSAM,
    optim.Magma,
    optim.Mechanic,
    optim.TRAC,
    optim.EMANesterov,
    optim.shard_states,
    optim.from_torch,
)


@pytest.mark.parametrize("given", [optim.AdamW, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("around", AROUND)
def test_a_class_is_no_optimizer(around, given):
    with pytest.raises(TypeError, match=f"^{around.__name__} .* but got the class {given.__name__}"):
        around(given)


def test_in_backward_needs_a_model_and_an_optimizer():
    model = nn.Linear(2, 1)
    with pytest.raises(TypeError, match="but got the class AdamW: call step"):
        optim.in_backward(model, optim.AdamW)
    with pytest.raises(TypeError, match=re.escape("in_backward needs the model, a torch.nn.Module, but got list")):
        optim.in_backward([*model.parameters()], optim.AdamW(model.parameters()))


IN_STEP = [optim.SAM, optim.LookSAM, optim.Magma, optim.Mechanic, optim.TRAC, optim.EMANesterov]


@pytest.mark.parametrize("around", IN_STEP)
def test_what_looks_at_gradients_or_weights_in_a_step_refuses_steps_in_backward(around):
    """When `step()` is called, the gradients are gone, and the weights have moved: the wrapper would do nothing."""
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    hooks = optim.in_backward(model, optimizer)
    with pytest.raises(
        ValueError, match=f"^SGD cannot step in backward with {around.__name__}, since .* with remove()"
    ):
        around(optimizer)
    hooks.remove()
    wrapper = around(optimizer)
    with pytest.raises(ValueError, match=f"^SGD cannot step in backward with {around.__name__}, since"):
        optim.in_backward(model, optimizer)
    wrapper.remove()
    optim.in_backward(model, optimizer)
    model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is None


def test_query_key_clip_needs_an_optimizer():
    with pytest.raises(TypeError, match="QKClip works by the hooks of an optimizer, but got NoneType"):
        optim.QKClip(None, {})
