"""A state_dict that does not fit is refused with every difference named, and nothing changes."""

import copy
import re

import pytest
import torch

import thalweg as optim


def trained(cls, *shapes, **options):
    optimizer = cls([torch.ones(shape) for shape in shapes], **options)
    for param in optimizer.param_groups[0]["params"]:
        param.grad = torch.ones_like(param)
    optimizer.step()
    return optimizer


@pytest.fixture
def adam():
    return trained(optim.Adam, (2,), (3, 1))


@pytest.mark.parametrize(
    ("saved", "sentence"),
    [
        (
            lambda: trained(optim.RProp, (2,), (3, 1)).state_dict(),
            "group 0 has no betas, eps, weight_decay, so another optimizer saved it; "
            "parameter 0 of group 0 (shape (2,)) has a state 'prev', but Adam keeps exp_avg, exp_avg_sq, "
            "max_exp_avg_sq; "
            "parameter 0 of group 0 (shape (2,)) has a state 'step_size', but Adam keeps exp_avg, exp_avg_sq, "
            "max_exp_avg_sq; "
            "parameter 1 of group 0 (shape (3, 1)) has a state 'prev', but Adam keeps exp_avg, exp_avg_sq, "
            "max_exp_avg_sq; "
            "parameter 1 of group 0 (shape (3, 1)) has a state 'step_size', but Adam keeps exp_avg, exp_avg_sq, "
            "max_exp_avg_sq",
        ),
        (
            lambda: torch.optim.SGD([torch.ones(2), torch.ones(3, 1)], lr=1.0).state_dict(),
            "group 0 has no betas, eps, so another optimizer saved it",
        ),
        (
            lambda: trained(optim.Adam, (3, 1), (3, 1)).state_dict(),
            "parameter 0 of group 0 (shape (2,)) has shape (2,), but its exp_avg has (3, 1); "
            "parameter 0 of group 0 (shape (2,)) has shape (2,), but its exp_avg_sq has (3, 1)",
        ),
        (
            lambda: trained(optim.Adam, (2,)).state_dict(),
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group (group 0 "
            "has 1 parameters, but the optimizer's has 2)",
        ),
        (
            lambda: optim.Adam([{"params": torch.ones(2)}, {"params": torch.ones(3, 1)}]).state_dict(),
            "loaded state dict has a different number of parameter groups (2, but the optimizer has 1)",
        ),
        (
            lambda: torch.nn.Linear(1, 1).state_dict(),
            "it must have the keys 'state' and 'param_groups': pass what optimizer.state_dict() returned",
        ),
    ],
)
def test_refused_and_nothing_changed(adam, saved, sentence):
    before, params = copy.deepcopy(adam.state_dict()), copy.deepcopy(adam.param_groups[0]["params"])
    with pytest.raises(ValueError, match=f"^cannot load this state_dict into Adam: {re.escape(sentence)}$"):
        adam.load_state_dict(saved())
    torch.testing.assert_close((adam.state_dict(), adam.param_groups[0]["params"]), (before, params), rtol=0, atol=0)


def test_named_parameters_are_named():
    adam = optim.Adam([("weight", torch.ones(2))])
    sentence = r"parameter 'weight' has shape \(2,\), but its exp_avg has \(3,\)"
    with pytest.raises(ValueError, match=sentence):
        adam.load_state_dict(trained(optim.Adam, (3,)).state_dict())


def test_numbers_of_a_parameter_keep_their_own_shape():
    """ASGD's eta and mu are no differences in shape."""
    asgd = trained(optim.ASGD, (2,), (3, 1))
    twin = optim.ASGD([torch.ones(2), torch.ones(3, 1)])
    twin.load_state_dict(asgd.state_dict())
    torch.testing.assert_close(twin.state_dict(), asgd.state_dict(), rtol=0, atol=0)
    assert asgd.state_dict()["state"][0]["eta"].shape == ()


def test_a_state_that_these_options_do_not_need_is_kept():
    """The momentum of a run that goes on without, as in torch.optim."""
    saved = trained(optim.SGD, (2,), lr=1.0, momentum=0.9).state_dict()
    saved["param_groups"][0]["momentum"] = 0
    sgd = optim.SGD([torch.ones(2)], lr=1.0)
    sgd.load_state_dict(saved)
    assert sgd.state_dict()["state"][0]["momentum_buffer"].tolist() == [1, 1]


def test_a_momentum_saved_as_none_starts_anew():
    """As versions of torch.optim before 2.0 saved it."""
    sgd = optim.SGD([torch.ones(2)], lr=1.0)
    saved = sgd.state_dict()
    saved["state"][0] = {"momentum_buffer": None}
    saved["param_groups"][0]["momentum"] = 0.9
    sgd.load_state_dict(saved)
    param = sgd.param_groups[0]["params"][0]
    param.grad = torch.full((2,), 0.5)
    sgd.step()
    assert sgd.state[param]["momentum_buffer"].tolist() == [0.5, 0.5]
