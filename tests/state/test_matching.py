"""Loading by name, and loading what fits."""

import copy
import re

import pytest
import torch

import thalweg as optim

SHAPES = {"a": (2,), "b": (3,), "c": (1, 2)}


def trained(names, cls=optim.Adam, steps=2, **options):
    """An optimizer of named parameters, each with states that no other has."""
    optimizer = cls([(name, torch.ones(SHAPES[name])) for name in names], **options)
    for _ in range(steps):
        for name, param in by_name(optimizer).items():
            param.grad = torch.full(SHAPES[name], float(ord(name)))
        optimizer.step()
    return optimizer


def by_name(optimizer):
    return {
        name: param
        for group in optimizer.param_groups
        for name, param in zip(group["param_names"], group["params"], strict=True)
    }


def states(optimizer):
    return {name: dict(optimizer.state.get(param, {})) for name, param in by_name(optimizer).items()}


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_in_whatever_order():
    saved, loaded = trained("abc"), trained("cab", steps=0)
    loaded.load_state_dict(saved.state_dict())
    assert_same(states(loaded), states(saved))
    assert loaded.param_groups[0]["param_names"] == list("cab")


def test_across_groups_with_the_same_options():
    saved = trained("abc", lr=0.5)
    loaded = optim.Adam([[("b", torch.ones(3))], [("c", torch.ones(1, 2)), ("a", torch.ones(2))]][0], lr=0.1)
    loaded.add_param_group({"params": [("c", torch.ones(1, 2)), ("a", torch.ones(2))]})
    loaded.load_state_dict(saved.state_dict())
    assert_same(states(loaded), states(saved))
    assert [group["lr"] for group in loaded.param_groups] == [0.5, 0.5]


def test_groups_take_the_options_that_their_parameters_had():
    saved = trained("a", lr=0.5)
    saved.add_param_group({"params": [("b", torch.ones(3))], "lr": 0.25})
    loaded = optim.Adam([("b", torch.ones(3))])
    loaded.add_param_group({"params": [("a", torch.ones(2))]})
    loaded.load_state_dict(saved.state_dict())
    assert [group["lr"] for group in loaded.param_groups] == [0.25, 0.5]
    together = optim.Adam([("b", torch.ones(3)), ("a", torch.ones(2))])
    with pytest.raises(ValueError, match="group 0 is of saved groups 1, 0, which differ in options"):
        together.load_state_dict(saved.state_dict())


def test_all_that_is_missing_extra_or_of_another_shape_is_listed():
    saved, loaded = trained("ab").state_dict(), trained("bc")
    before = copy.deepcopy(states(loaded))
    with pytest.raises(
        ValueError, match=re.escape("Adam: it has no 'c'; it has 'a', which the optimizer does not have")
    ):
        loaded.load_state_dict(saved)
    saved["param_groups"][0]["param_names"] = ["c", "b"]
    with pytest.raises(ValueError, match=re.escape("parameter 'c' has shape (1, 2), but its exp_avg has (2,)")):
        loaded.load_state_dict(saved)
    assert_same(states(loaded), before)


def test_what_fits_is_taken_and_the_rest_stays():
    saved, loaded = trained("ab", lr=0.5), trained("cb", steps=1)
    kept = copy.deepcopy(states(loaded)["c"])
    loaded.load_state_dict(saved.state_dict(), strict=False)
    assert_same(states(loaded), {"c": kept, "b": states(saved)["b"]})
    assert loaded.lr == 0.5


def test_what_fits_by_place():
    saved, loaded = (optim.Adam([torch.ones(size) for size in sizes]) for sizes in ([2, 3, 4], [2, 5]))
    for optimizer in (saved, loaded):
        for param in optimizer.param_groups[0]["params"]:
            param.grad = torch.full_like(param, float(len(optimizer.param_groups[0]["params"])))
        optimizer.step()
    own = copy.deepcopy(loaded.state_dict()["state"][1])
    loaded.load_state_dict(saved.state_dict(), strict=False)
    assert_same(loaded.state_dict()["state"], {0: saved.state_dict()["state"][0], 1: own})


def test_what_fits_of_another_optimizer():
    """The options that both have; states only where every one is known."""
    saved = trained("ab", optim.RMSProp, lr=0.5, weight_decay=0.1)
    loaded = trained("ab")
    own = copy.deepcopy(states(loaded))
    loaded.load_state_dict(saved.state_dict(), strict=False)
    assert (loaded.lr, loaded.weight_decay, loaded.betas) == (0.5, 0.1, (0.9, 0.999))
    assert "alpha" not in loaded.param_groups[0]
    assert_same(states(loaded), own)
    loaded.step()


def test_names_that_stand_for_two_are_no_names():
    """Then the order counts, as in torch.optim."""
    saved = optim.Adam([{"params": [("a", torch.ones(2))]}, {"params": [("a", torch.ones(3))]}])
    loaded = optim.Adam([{"params": [("a", torch.ones(2))]}, {"params": [("b", torch.ones(3))]}])
    loaded.load_state_dict(saved.state_dict())
