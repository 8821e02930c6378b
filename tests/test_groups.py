"""Parameters and groups that cannot be: refused in one sentence, and nothing is added."""

import copy
import re
import warnings

import pytest
import torch
from torch import nn

import thalweg as optim

KNOWN = nn.Parameter(torch.ones(2))
EMPTY = "optimizer got an empty parameter list: pass at least one parameter, and an iterator that nothing has used up"


@pytest.fixture
def optimizer():
    """With a group, and states from the start."""
    return optim.Adagrad([KNOWN], lr=0.5)


def result():
    return torch.ones(3, requires_grad=True) * 2


@pytest.mark.parametrize("name", ["Adagrad", "AdamW", "Muon"])
def test_frozen_weights_in_codes_stay_as_they_are_beside_others(name):
    """A model in 4 or 8 bits has such parameters."""
    codes = nn.Parameter(torch.arange(6, dtype=torch.uint8).reshape(2, 3), requires_grad=False)
    weight = nn.Parameter(torch.ones(2, 3))
    made = getattr(optim, name)([codes, weight], lr=0.5)
    weight.grad = torch.ones(2, 3)
    made.step()
    made.load_state_dict(made.state_dict())
    assert codes.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert (weight < 1).all()
    codes.grad = torch.ones_like(codes)
    with pytest.raises(RuntimeError, match="it has whole numbers alone"):
        made.step()


@pytest.mark.parametrize(
    ("group", "error", "sentence"),
    [
        ({"params": [1.0]}, TypeError, "optimizer can only optimize Tensors, but item 0 of group 1 is float 1.0"),
        (
            {"params": [torch.zeros(2), "w"]},
            TypeError,
            "optimizer can only optimize Tensors, but item 1 of group 1 is str 'w'",
        ),
        (
            {"params": [result()]},
            ValueError,
            "can't optimize a non-leaf Tensor, but parameter 0 of group 1 (shape (3,)) is the result of MulBackward0: "
            "pass a leaf, x.detach()",
        ),
        (
            {"params": [("w", result())]},
            ValueError,
            "can't optimize a non-leaf Tensor, but parameter 'w' is the result of MulBackward0: "
            "pass a leaf, x.detach()",
        ),
        (
            {"params": torch.zeros(2, dtype=torch.int64)},
            TypeError,
            "optimizer can only optimize floating point or complex Tensors, but parameter 0 of group 1 (shape (2,)) is "
            "torch.int64",
        ),
        (
            {"params": [torch.zeros(1), KNOWN]},
            ValueError,
            "some parameters appear in more than one parameter group, but parameter 1 of group 1 (shape (2,)) is in an "
            "earlier one too",
        ),
        (
            {"params": {torch.zeros(1)}},
            TypeError,
            "optimizer parameters need to be organized in ordered collections, but the ordering of a set changes "
            "between runs: pass a list",
        ),
        (
            {"params": nn.Linear(1, 1)},
            TypeError,
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got Linear: pass "
            "model.parameters()",
        ),
        (
            {"params": [("w", torch.zeros(1)), torch.zeros(1)]},
            ValueError,
            "all optimizer params should be with/without names. Some param names are missing",
        ),
        (
            {"params": [("w", torch.zeros(1))]},
            ValueError,
            "all optimizer param groups should be with/without names. cannot add param group with names to the "
            "optimizer",
        ),
        ({"lr": 1}, ValueError, "a parameter group needs the key 'params', but has 'lr'"),
        ([torch.zeros(1)], TypeError, "a parameter group must be a dict with a key 'params', but got list"),
        (
            {"params": torch.zeros(1), "lr": -1},
            ValueError,
            "Invalid learning rate: -1 in parameter group 1, but Adagrad needs lr at least 0",
        ),
        (
            {"params": torch.zeros(1), "lr": "fast"},
            TypeError,
            "Adagrad needs lr to be a number in parameter group 1, but got str 'fast'",
        ),
        (
            {"params": torch.zeros(1), "lr_decya": 1},
            TypeError,
            "Adagrad has no option 'lr_decya' in parameter group 1: did you mean 'lr_decay'?",
        ),
        (
            {"params": torch.zeros(1), "foreach": True, "fused": True},
            RuntimeError,
            "`fused` and `foreach` cannot be `True` together, but Adagrad got both in parameter group 1: leave one out",
        ),
    ],
)
def test_refused_and_nothing_added(optimizer, group, error, sentence):
    before, given = copy.deepcopy(optimizer.state_dict()), repr(group)
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        optimizer.add_param_group(group)
    torch.testing.assert_close(optimizer.state_dict(), before, rtol=0, atol=0)
    assert list(optimizer.state) == [KNOWN]
    assert repr(group) == given


@pytest.mark.parametrize(
    ("params", "error", "sentence"),
    [
        ([], ValueError, EMPTY),
        (iter([]), ValueError, EMPTY),
        (
            torch.zeros(1),
            TypeError,
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
            "torch.FloatTensor",
        ),
        (
            nn.Linear(1, 1),
            TypeError,
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got Linear: pass "
            "model.parameters()",
        ),
        (
            [{"params": [KNOWN]}, {"params": KNOWN}],
            ValueError,
            "some parameters appear in more than one parameter group, but parameter 0 of group 1 (shape (2,)) is in an "
            "earlier one too",
        ),
        (
            [("w", torch.zeros(1)), torch.zeros(1)],
            ValueError,
            "all optimizer params should be with/without names. Some param names are missing",
        ),
        (
            [{"params": KNOWN}, torch.zeros(1)],
            TypeError,
            "a parameter group must be a dict with a key 'params', but got Tensor",
        ),
    ],
)
def test_refused_at_construction(params, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        optim.Adam(params)


def test_a_parameter_twice_in_one_group_is_warned_of():
    with pytest.warns(UserWarning, match="a parameter group with duplicate parameters"):
        optim.Adam([KNOWN, KNOWN])


def test_sgd_needs_a_rate_for_every_group():
    params = {"params": torch.zeros(1)}, {"params": torch.ones(1)}
    for groups, index in ((list(params), 0), ([params[0] | {"lr": 0.1}, params[1]], 1)):
        sentence = f"SGD needs lr in parameter group {index}: pass it to every group or to the optimizer, for example "
        with pytest.raises(TypeError, match=f"^{re.escape(sentence + 'SGD(params, lr=0.1)')}$"):
            optim.SGD(groups)


def test_groups_may_bring_all_the_rates():
    optimizer = optim.SGD([{"params": torch.zeros(1), "lr": 0.1}, {"params": torch.ones(1), "lr": 0.2}], momentum=0.9)
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(0.1, 0.9), (0.2, 0.9)]


def test_the_documents_example():
    """Per-layer learning rates in one line."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = optim.SGD(
        [{"params": first.parameters()}, {"params": second.parameters(), "lr": 1e-3}], lr=1e-2, momentum=0.9
    )
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(1e-2, 0.9), (1e-3, 0.9)]


def test_nesterov_without_momentum_in_a_group():
    sentence = (
        "Nesterov momentum requires a momentum and zero dampening, but SGD got momentum=0, dampening=0 in parameter"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)} group 0: set momentum=0.9, say$"):
        optim.SGD([{"params": torch.zeros(1), "nesterov": True}], 0.1)


def test_other_spellings_in_a_group():
    optimizer = optim.Adam([{"params": torch.zeros(1), "epsilon": 0.5}])
    assert optimizer.param_groups[0]["eps"] == 0.5
    assert "epsilon" not in optimizer.param_groups[0]
    with pytest.raises(TypeError, match=r"^Adam got eps twice in parameter group 0, also as epsilon: pass it once$"):
        optim.Adam([{"params": torch.zeros(1), "epsilon": 0.5, "eps": 0.5}])


def test_options_of_a_group_may_be_flags():
    groups = [{"params": torch.zeros(1), "foreach": False, "differentiable": True}, {"params": torch.ones(1)}]
    optimizer = optim.Adam(groups, fused=False)
    assert [[group[flag] for flag in ("foreach", "differentiable", "fused")] for group in optimizer.param_groups] == [
        [False, True, False],
        [None, False, False],
    ]


def test_the_dicts_passed_in_stay_as_they_are():
    group = {"params": [torch.zeros(1)], "lr": 0.1}
    before = dict(group)
    optim.Adam([group])
    assert group == before


def test_a_bare_set_is_warned_of_as_torch_warns():
    """From torch 2.15 on; before, its order is taken as it comes."""
    seen = []
    for cls in (torch.optim.Adam, optim.Adam):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls({KNOWN})
        seen.append([(warning.category, str(warning.message)) for warning in caught])
    assert seen[0] == seen[1]
