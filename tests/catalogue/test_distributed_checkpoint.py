"""What torch's distributed checkpoints ask of an optimizer, on one process: its states before the first step.

They prime a new optimizer with a step of zero gradients at a rate of zero, to see which states there are.
"""

import copy

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

import thalweg as optim


def model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))


def train(network, optimizer, steps=3, seed=1):
    torch.manual_seed(seed)
    for _ in range(steps):
        for param in network.parameters():
            param.grad = torch.randn_like(param)
        optimizer.step()
    optimizer.zero_grad()


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_optimizer_that_was_asked_is_as_new(cls, required):
    """It is asked for states that are to be loaded, and then nobody loads any: the first step is the first."""
    (net, optimizer), (twin, asked) = ((net, cls(net.parameters(), **required)) for net in (model(), model()))
    get_optimizer_state_dict(twin, asked)
    train(net, optimizer)
    train(twin, asked)
    assert_same(asked.state_dict(), optimizer.state_dict())
    assert_same(twin.state_dict(), net.state_dict())


AROUND = [
    {"accumulate": 3},
    {"lookahead": 2, "max_tensor_norm": 1.0},
    {"state_dtype": torch.bfloat16, "rounding": "stochastic"},
]


@pytest.mark.parametrize("around", AROUND, ids=str)
def test_it_names_all_states_that_a_step_makes(cls, required, around):
    """What is not named is not loaded, and nobody says so."""
    if cls.refuses.keys() & around.keys():
        pytest.skip("these options do not go together")
    (net, optimizer), (twin, asked) = ((net, cls(net.parameters(), **required, **around)) for net in (model(), model()))
    fresh = get_optimizer_state_dict(twin, asked)["state"]
    train(net, optimizer)
    found = get_optimizer_state_dict(net, optimizer)["state"]
    shapes = [
        {name: {key: getattr(value, "shape", None) for key, value in state.items()} for name, state in states.items()}
        for states in (fresh, found)
    ]
    assert shapes[0] == shapes[1]
    assert all(state.get("step", 0) == 0 for state in fresh.values())


def test_states_that_were_loaded_where_they_are_stay():
    """As `dcp.load` does, which writes into the tensors that it was given."""
    net = model()
    optimizer = optim.Adam(net.parameters())
    asked = get_optimizer_state_dict(net, optimizer)["state"]
    for state in asked.values():
        state["step"].fill_(7)
    train(net, optimizer, steps=1)
    assert {float(state["step"]) for state in optimizer.state.values()} == {8.0}


def test_a_step_at_a_rate_of_zero_is_one():
    """A schedule that warms up starts so; its gradients are none."""
    net = model()
    optimizer = optim.Adam(net.parameters(), lr=0.0)
    train(net, optimizer, steps=1)
    assert {float(state["step"]) for state in optimizer.state.values()} == {1.0}


PLACES = [(0, 1, 2), (1, 0, 2), (0, 2, 1), (1, 2, 0)]


def grouped(net, places, scale=1.0):
    """Two groups of parameters, and an empty one, in some order."""
    params = list(net.parameters())
    groups = [
        {"params": params[:2], "lr": 0.1 * scale},
        {"params": [], "lr": 0.2 * scale, "betas": (0.5 * scale, 0.75)},
        {"params": params[2:], "lr": 0.3 * scale},
    ]
    return optim.AdamW([groups[place] for place in places])


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_options_of_empty_groups_survive(places):
    """Torch drops them, unless the group is the last."""
    net, twin = model(), model()
    optimizer, fresh = grouped(net, places), grouped(twin, places, scale=0.5)
    train(net, optimizer)
    set_optimizer_state_dict(twin, fresh, copy.deepcopy(get_optimizer_state_dict(net, optimizer)))
    assert_same(fresh.state_dict(), optimizer.state_dict())


def test_a_group_that_nothing_was_saved_of_keeps_its_options():
    net, twin = model(), model()
    optimizer, fresh = grouped(net, (0, 1, 2)), grouped(twin, (0, 1, 2), scale=0.5)
    saved = get_optimizer_state_dict(net, optimizer)
    for group in saved["param_groups"]:
        group.pop("empty_groups", None)
    set_optimizer_state_dict(twin, fresh, saved)
    assert [group["lr"] for group in fresh.param_groups] == [0.1, 0.1, 0.3]


@pytest.mark.parametrize("flat", [False, True])
def test_a_part_of_a_model_takes_its_own(flat):
    """As a stage of a pipeline does, of a checkpoint of all of them."""
    how = StateDictOptions(flatten_optimizer_state_dict=flat)
    net, part = model(), nn.Sequential()
    part.add_module("1", model()[1])
    optimizer = optim.AdamW(net.named_parameters())
    train(net, optimizer)
    saved = get_optimizer_state_dict(net, optimizer, options=how)
    own = optim.AdamW(part.named_parameters())
    set_optimizer_state_dict(part, own, saved, options=how)
    for name in ("weight", "bias"):
        state, kept = optimizer.state[getattr(net[1], name)], own.state[getattr(part[0], name)]
        assert_same(dict(kept), dict(state))


def test_names_of_another_order_mix_nothing_up():
    """Torch brings states in our order, and the list of names in that of whoever saved it."""
    net, twin = nn.ParameterDict({"a": torch.ones(3), "b": torch.ones(3)}), nn.ParameterDict()
    twin["b"], twin["a"] = torch.ones(3), torch.ones(3)
    optimizer, fresh = optim.Adam(net.named_parameters()), optim.Adam(twin.named_parameters())
    train(net, optimizer)
    set_optimizer_state_dict(twin, fresh, get_optimizer_state_dict(net, optimizer))
    for name in ("a", "b"):
        assert_same(dict(fresh.state[twin[name]]), dict(optimizer.state[net[name]]))
