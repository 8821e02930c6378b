"""Rules that want matrices, saved, loaded and copied: nothing is lost or shared, and training goes on bit for bit."""

import copy
import pickle

import pytest
import torch

from .small_matrices import assert_same, resumed, rules, run, through_a_file, weights

pytestmark = rules


def test_training_goes_on_from_a_file(rule):
    straight = rule(weights())
    run(straight)
    stopped = resumed(straight)
    assert_same(run(stopped, seed=1), run(straight, seed=1))
    assert_same(stopped.state_dict(), straight.state_dict())


def test_training_goes_on_in_few_bits(rule):
    kept = {"state_dtype": "8bit", "rounding": "stochastic"}
    straight = rule(weights(torch.bfloat16), **kept)
    run(straight)
    stopped = resumed(straight, **kept)
    assert_same(run(stopped, 2, seed=1), run(straight, 2, seed=1))


def test_options_come_from_the_checkpoint(rule):
    saved = rule([{"params": weights(), "lr": 0.5, "name": "head"}])
    loaded = rule(weights())
    loaded.load_state_dict(through_a_file(saved.state_dict()))
    assert loaded.state_dict()["param_groups"] == saved.state_dict()["param_groups"]


def test_loading_shares_nothing_and_changes_nothing(rule):
    first = rule(weights())
    run(first, 2)
    given = copy.deepcopy(saved := copy.deepcopy(first.state_dict()))
    second = rule(weights())
    second.load_state_dict(given)
    run(second, 2, seed=1)
    assert_same(given, saved)


def test_a_state_of_another_shape_is_refused_and_changes_nothing(rule):
    optimizer, other = rule(weights()), rule(weights())
    run(optimizer, 2)
    run(other, 1)
    before, bad = copy.deepcopy(other.state_dict()), copy.deepcopy(optimizer.state_dict())
    state = bad["state"][0]
    name = next(name for name, value in state.items() if name != "step" and value.dim())
    state[name] = torch.zeros(5, 5, 5)
    with pytest.raises(ValueError, match=name):
        other.load_state_dict(bad)
    assert_same(other.state_dict(), before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_goes_its_own_way(rule, duplicate):
    original = rule(weights())
    run(original, 2)
    before = copy.deepcopy(original.state_dict())
    twin = duplicate(original)
    moved = run(twin, 2, seed=1)
    assert_same(original.state_dict(), before)
    assert_same(run(original, 2, seed=1), moved)


def test_state_dict_holds_plain_values_only(rule):
    optimizer = rule(weights())
    run(optimizer, 1)
    saved = optimizer.state_dict()
    assert {type(value) for state in saved["state"].values() for value in state.values()} <= {torch.Tensor}
    kinds = {type(value) for group in saved["param_groups"] for value in group.values()}
    assert kinds <= {float, int, bool, str, tuple, list, type(None)}
