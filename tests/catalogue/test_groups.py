"""Groups with options of their own, parameters without gradients, parameters that several modules share."""

import copy

import pytest
import torch
from torch import nn


def stepped(optimizer, times=1):
    for _ in range(times):
        for group in optimizer.param_groups:
            for param in group["params"]:
                param.grad = torch.ones_like(param)
        optimizer.step()


def weights(count):
    return [torch.linspace(-1, 1, 5) for _ in range(count)]


@pytest.mark.layerwise
def test_each_group_follows_its_own_options(cls, options):
    """A group with options of its own moves as an optimizer of its own."""
    own = options | {"lr": 0.5, "maximize": True}
    together, apart = weights(2), weights(2)
    stepped(cls([{"params": [together[0]]}, {"params": [together[1]], **own}], **options), 3)
    stepped(cls([apart[0]], **options), 3)
    stepped(cls([apart[1]], **own), 3)
    assert torch.equal(together[0], apart[0])
    assert torch.equal(together[1], apart[1])


def test_groups_take_the_defaults_for_the_rest(cls, options):
    optimizer = cls([{"params": weights(1), "lr": 0.5}, {"params": weights(1)}], **options)
    first, second = optimizer.param_groups
    assert {name for name in cls.options if first[name] != second[name]} == {"lr"}
    assert {name: second[name] for name in cls.options} == optimizer.defaults


def test_a_group_may_switch_options_on(cls, options, required):
    """Every option that the constructor takes, a group takes."""
    first, second = weights(2)
    stepped(cls([{"params": [first], **options}], **required), 2)
    stepped(cls([second], **options), 2)
    assert torch.equal(first, second)


def test_foreign_keys_are_kept(cls, required):
    labels = {"name": "head", "initial_lr": 0.1, "lr_scale": 0.5}
    optimizer = cls([{"params": weights(1), **labels}], **required)
    stepped(optimizer)
    assert labels.items() <= optimizer.param_groups[0].items()
    assert labels.items() <= optimizer.state_dict()["param_groups"][0].items()


@pytest.mark.layerwise
def test_a_group_added_later_starts_fresh(cls, options):
    first, second = weights(2)
    optimizer = cls([first], **options)
    stepped(optimizer, 2)
    optimizer.add_param_group({"params": second, "lr": 0.5})
    stepped(optimizer, 2)
    alone = weights(1)[0]
    stepped(cls([alone], **options | {"lr": 0.5}), 2)
    assert torch.equal(second, alone)


def test_names_of_parameters_are_kept(cls, required):
    optimizer = cls(nn.Linear(2, 1).named_parameters(), **required)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


@pytest.mark.parametrize("params", [lambda p: iter(p), lambda p: tuple(p), lambda p: ({"params": q} for q in p)])
def test_parameters_come_in_any_iterable(cls, required, params):
    given = weights(2)
    optimizer = cls(params(given), **required)
    assert [id(p) for group in optimizer.param_groups for p in group["params"]] == [id(p) for p in given]


def test_no_gradient_no_step(cls, options):
    still, moving = weights(2)
    optimizer = cls([still, moving], **options)
    before = copy.deepcopy(optimizer.state_dict()["state"].get(0))
    moving.grad = torch.ones(5)
    optimizer.step()
    assert torch.equal(still, weights(1)[0])
    torch.testing.assert_close(optimizer.state_dict()["state"].get(0), before, rtol=0, atol=0)


@pytest.mark.layerwise
def test_each_parameter_counts_its_own_steps(cls, options):
    """A parameter that missed some steps goes on as if they had not been."""
    late, reference = weights(2)
    optimizer = cls([late, *weights(1)], **options)
    other = optimizer.param_groups[0]["params"][1]
    other.grad = torch.ones(5)
    for _ in range(3):
        optimizer.step()
    late.grad = torch.ones(5)
    optimizer.step()
    late.grad = None
    optimizer.step()
    late.grad = torch.ones(5)
    optimizer.step()
    stepped(cls([reference], **options), 2)
    assert torch.equal(late, reference)
    if cls.counts_steps:
        assert [float(optimizer.state[p]["step"]) for p in (late, other)] == [2, 6]


def test_a_step_without_any_gradient_does_nothing(cls, options):
    param = weights(1)[0]
    optimizer = cls([param], **options)
    before = copy.deepcopy(optimizer.state_dict())
    optimizer.step()
    assert torch.equal(param, weights(1)[0])
    torch.testing.assert_close(optimizer.state_dict(), before, rtol=0, atol=0)


def test_shared_parameters_are_updated_once(cls, options):
    first = nn.Linear(3, 3, bias=False)
    second = nn.Linear(3, 3, bias=False)
    alone = nn.Parameter(first.weight.detach().clone())
    second.weight = first.weight
    optimizer = cls(nn.Sequential(first, second).parameters(), **options)
    assert len(optimizer.param_groups[0]["params"]) == 1
    stepped(optimizer)
    stepped(cls([alone], **options))
    assert torch.equal(first.weight, alone)
    assert second.weight is first.weight


@pytest.mark.layerwise
@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float64), (torch.bfloat16, torch.complex64)])
def test_dtypes_may_be_mixed(cls, options, dtypes):
    together, apart = ([torch.ones(3, dtype=dtype) for dtype in dtypes] for _ in range(2))
    stepped(cls(together, **options), 2)
    for param in apart:
        stepped(cls([param], **options), 2)
    assert all(torch.equal(*both) for both in zip(together, apart, strict=True))
