"""States are torch.optim's dicts in all they do, and every change is counted."""

import copy
import pickle

import pytest
import torch

import thalweg as optim
from thalweg.state.entries import States, plain

PARAM, OTHER = torch.zeros(1), torch.ones(1)


@pytest.fixture
def states():
    return States({PARAM: {"step": 1}, "note": 7})


@pytest.mark.parametrize(
    "change",
    [
        lambda states: states[PARAM].update(step=2),
        lambda states: states[PARAM].__setitem__("step", 2),
        lambda states: states[PARAM].__delitem__("step"),
        lambda states: states[PARAM].pop("step"),
        lambda states: states[PARAM].popitem(),
        lambda states: states[PARAM].clear(),
        lambda states: states[PARAM].setdefault("new", 1),
        lambda states: states[PARAM].__ior__({"step": 2}),
        lambda states: states.__setitem__(PARAM, {}),
        lambda states: states.__delitem__(PARAM),
        lambda states: states.pop(PARAM),
        lambda states: states.clear(),
        lambda states: states.update({PARAM: {}}),
        lambda states: states["unknown"],
        lambda states: states["unknown"].update(step=1),
    ],
)
def test_changes_are_counted(states, change):
    before = states.changes.count
    change(states)
    assert states.changes.count > before


def test_looking_is_no_change(states):
    before = states.changes.count
    assert states[PARAM]["step"] == states.get(PARAM).get("step") == 1
    assert (len(states), list(states), "note" in states) == (2, [PARAM, "note"], True)
    assert states.changes.count == before


def test_what_replaces_a_state_is_counted_too(states):
    states[PARAM] = {"step": 5}
    before = states.changes.count
    states[PARAM]["step"] = 6
    assert states.changes.count > before


@pytest.mark.parametrize(
    "put",
    [
        lambda states: states.update({OTHER: {"step": 5}}),
        lambda states: states.update([(OTHER, {"step": 5})]),
        lambda states: states.__ior__({OTHER: {"step": 5}}),
        lambda states: states.setdefault(OTHER, {"step": 5}),
    ],
)
def test_what_comes_in_bulk_is_counted_from_then_on(states, put):
    put(states)
    before = states.changes.count
    states[OTHER]["step"] = 6
    assert states.changes.count > before


def test_a_missing_parameter_gets_a_dict(states):
    assert states[torch.ones(1)] == {}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda states: pickle.loads(pickle.dumps(states))])
def test_a_copy_is_plain(states, duplicate):
    twin = duplicate(states)
    assert list(twin.values()) == [{"step": 1}, 7]
    assert [type(value) for value in twin.values()] == [dict, int]


def test_checkpoints_are_plain(states):
    assert [type(value) for value in plain(states).values()] == [dict, int]


def test_a_state_replaced_between_steps_is_the_one_that_counts():
    param = torch.zeros(1)
    optimizer = optim.SGD([param], lr=1.0, momentum=0.5)
    for _ in range(2):
        param.grad = torch.ones(1)
        optimizer.step()
    optimizer.state[param]["momentum_buffer"] = torch.full((1,), 10.0)
    optimizer.step()
    assert optimizer.state[param]["momentum_buffer"].tolist() == [6.0]
    optimizer.state.update({param: {"momentum_buffer": torch.full((1,), 20.0)}})
    optimizer.step()
    assert optimizer.state[param]["momentum_buffer"].tolist() == [11.0]
    optimizer.state[param]["momentum_buffer"] = torch.full((1,), 30.0)
    optimizer.step()
    assert optimizer.state[param]["momentum_buffer"].tolist() == [16.0]
