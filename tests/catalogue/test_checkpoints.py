"""Saved, loaded, copied and pickled: nothing is lost, nothing is shared, and training goes on bit for bit."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.complex64]


def by_state_dict(optimizer, new):
    new.load_state_dict(optimizer.state_dict())


def by_file(optimizer, new):
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    new.load_state_dict(torch.load(file, weights_only=True))


def weights(dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.randn(3, 2).to(dtype), torch.randn(()).to(dtype), torch.randn(0).to(dtype)]


def run(optimizer, steps, seed=0):
    """Some steps with random gradients."""
    torch.manual_seed(seed)
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for _ in range(steps):
        for param in params:
            param.grad = torch.randn_like(param)
        optimizer.step()
    return params


def assert_same(one, other):
    torch.testing.assert_close(spelled(one), spelled(other), rtol=0, atol=0)


def spelled(value):
    """Turn words into numbers, as torch compares no words."""
    if isinstance(value, str):
        return tuple(map(ord, value))
    if isinstance(value, dict):
        return {name: spelled(item) for name, item in value.items()}
    return list(map(spelled, value)) if isinstance(value, list) else value


@pytest.mark.every
def test_every_rule_goes_on_from_a_file(cls, options):
    check_that_it_goes_on(cls, options, torch.float32, by_file)


@pytest.mark.parametrize("transfer", [by_state_dict, by_file])
@pytest.mark.parametrize("dtype", DTYPES)
def test_stopped_and_continued_as_if_never_stopped(cls, options, dtype, transfer):
    check_that_it_goes_on(cls, options, dtype, transfer)


def check_that_it_goes_on(cls, options, dtype, transfer):
    straight = cls(weights(dtype), **options)
    run(straight, 3)
    stopped = cls([param.clone() for param in straight.param_groups[0]["params"]], **options)
    transfer(straight, stopped)
    assert_same(run(stopped, 3, seed=1), run(straight, 3, seed=1))
    assert_same(stopped.state_dict(), straight.state_dict())


@pytest.mark.parametrize("transfer", [by_state_dict, by_file])
def test_options_come_from_the_checkpoint(cls, options, required, transfer):
    saved = cls([{"params": weights(), "lr": 0.5, "name": "head"}], **options)
    loaded = cls(weights(), **required)
    transfer(saved, loaded)
    assert loaded.state_dict()["param_groups"] == saved.state_dict()["param_groups"]


def test_states_keep_the_dtype_they_were_saved_with(cls, options):
    """Sums in float32 for parameters in bfloat16."""
    wide = cls(weights(torch.float32), **options)
    run(wide, 2)
    narrow = cls(weights(torch.bfloat16), **options)
    by_state_dict(wide, narrow)
    assert_same(narrow.state_dict()["state"], wide.state_dict()["state"])
    run(narrow, 2)
    single = cls.rule.scalars - cls.torchs_numbers
    for param, state in narrow.state.items():
        assert param.dtype == torch.bfloat16
        assert {value.dtype for name, value in state.items() if name not in single} <= {torch.float32}
        assert {value.dtype for name, value in state.items() if name in single} <= {torch.float64}


def test_narrow_states_of_wide_parameters_become_wide(cls, options):
    """Whose training goes on in float32 after bfloat16: means would round each step away."""
    narrow = cls(weights(torch.bfloat16), **options)
    run(narrow, 2)
    wide = cls(weights(torch.float32), **options)
    by_state_dict(narrow, wide)
    numbers = {"step"} | cls.rule.scalars
    states = [value for state in wide.state.values() for name, value in state.items() if name not in numbers]
    assert {value.dtype for value in states} <= {torch.float32}


def test_loading_shares_nothing_and_changes_nothing(cls, options):
    first = cls(weights(), **options)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    given = copy.deepcopy(saved)
    second = cls(weights(), **options)
    second.load_state_dict(given)
    run(second, 2, seed=1)
    second.param_groups[0]["lr"] = 7
    assert_same(given, saved)


def test_state_dict_holds_plain_values_only(cls, options):
    optimizer = cls(weights(), **options)
    run(optimizer, 1)
    saved = optimizer.state_dict()
    assert {type(value) for state in saved["state"].values() for value in state.values()} <= {torch.Tensor}
    kinds = {type(value) for group in saved["param_groups"] for value in group.values()}
    assert kinds <= {float, int, bool, tuple, list, type(None)}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
@pytest.mark.parametrize("scheduled", [False, True])
def test_a_copy_goes_its_own_way(cls, options, duplicate, scheduled):
    original = cls([nn.Parameter(param) for param in weights()], **options)
    if scheduled:
        StepLR(original, 1)  # puts a wrapper of its own around `step`
    run(original, 2)
    before = copy.deepcopy(original.state_dict()), [param.clone() for param in original.param_groups[0]["params"]]
    twin = duplicate(original)
    assert type(twin) is cls
    assert_same(twin.state_dict(), before[0])
    moved = run(twin, 2, seed=1)
    assert_same((original.state_dict(), original.param_groups[0]["params"]), before)
    assert_same(run(original, 2, seed=1), moved)


def test_a_copy_has_what_the_user_put_on_the_original(cls, required):
    original = cls(weights(), **required)
    original.note = ["keep me"]
    for twin in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert twin.note == ["keep me"]
        assert twin.note is not original.note


@pytest.mark.parametrize("saved_names", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_names_survive_if_either_side_has_them(cls, required, saved_names, names):
    net = nn.Linear(2, 2)
    saved, loaded = (
        cls(net.named_parameters() if named else net.parameters(), **required) for named in (saved_names, names)
    )
    by_state_dict(saved, loaded)
    assert ("param_names" in loaded.param_groups[0]) == (saved_names or names)
    assert all(here is there for here, there in zip(loaded.param_groups[0]["params"], net.parameters(), strict=True))


def test_hooks_of_state_dicts_run(cls, required):
    optimizer, calls = cls(weights(), **required), []
    optimizer.register_state_dict_pre_hook(lambda *_: calls.append("saving"))
    optimizer.register_state_dict_post_hook(lambda _, saved: saved | {"extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda _, saved: calls.append(saved.pop("extra")))
    optimizer.register_load_state_dict_post_hook(lambda *_: calls.append("loaded"))
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert calls == ["saving", 1, "loaded"]
    assert saved["extra"] == 1


def test_foreign_entries_of_the_state_are_kept(cls, options):
    """As torch's own tests, and some programs, do: keep things under a string."""
    optimizer = cls(weights(), **options)
    optimizer.state["test"] = ["mine"]
    run(optimizer, 1)
    loaded = cls(weights(), **options)
    by_state_dict(optimizer, loaded)
    assert loaded.state["test"] == ["mine"]
    assert loaded.state["test"] is not optimizer.state["test"]
    run(loaded, 1)
    assert copy.deepcopy(loaded).state["test"] == ["mine"]
