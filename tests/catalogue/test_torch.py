"""As torch.optim has it: the same numbers, the same keys, each other's checkpoints."""

import copy

import pytest
import torch
from torch.nn.functional import mse_loss

from thalweg.hyper import Fixed
from thalweg.optimizer import Optimizer

from ..traits import in_turn
from .conftest import CATALOGUE

FLAGS = {*Optimizer.options, *Optimizer.around}
"""The options of every optimizer."""


def shared(optimizer):
    """The options of a thalweg optimizer, to give to torch.optim's."""
    owner = type(optimizer)
    decided = {name for name, option in owner.options.items() if isinstance(option.rule, Fixed)}
    # What a training loop does around a step is not torch.optim's, unless the class itself declares it.
    ours = FLAGS - owner.__annotations__.keys()
    return {name: optimizer.defaults[name] for name in optimizer.defaults.keys() - decided - ours | {"maximize"}}


@pytest.fixture(autouse=True)
def _single_numbers_as_precise_as_tensors():
    """One number per parameter (NAdam's product) has torch's default dtype."""
    yield
    torch.set_default_dtype(torch.float32)


def network(dtype):
    torch.set_default_dtype(dtype)
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).to(dtype)


def train(net, optimizer, steps):
    inputs, targets = (torch.randn(2, 16, size, dtype=net[0].weight.dtype) for size in (6, 3))
    for step in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(net(inputs[step % 2]), targets[step % 2])
        (-loss if optimizer.defaults["maximize"] else loss).backward()
        optimizer.step()
    return net


def pair(cls, options, torchs, dtype):
    net = network(dtype)
    ours = cls(net.parameters(), **options)
    other = copy.deepcopy(net)
    return net, ours, other, torchs(other.parameters(), **shared(ours))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_same_numbers_for_20_steps(cls, options, torchs, dtype):
    """In both dtypes, each on one of the engines, up or down: all together have any two of these."""
    turn = CATALOGUE.index(cls) + len(options)
    engine = in_turn(("auto", "eager"), turn + (dtype is torch.float64))
    maximize = in_turn((False, False, True, True), turn)
    nets = pair(cls, options | {"maximize": maximize, "engine": engine}, torchs, dtype)
    for net, optimizer in zip(nets[::2], nets[1::2], strict=True):
        torch.manual_seed(2)
        train(net, optimizer, 20)
    # Each step rounds a few times; 20 steps of training make some hundred ulps of that.
    tolerance = 1000 * torch.finfo(dtype).eps
    torch.testing.assert_close(nets[0].state_dict(), nets[2].state_dict(), rtol=tolerance, atol=tolerance)
    ours, theirs = (optimizer.state_dict()["state"] for optimizer in nets[1::2])
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def test_same_keys(cls, options, torchs):
    nets = pair(cls, options, torchs, torch.float32)
    for net, optimizer in zip(nets[::2], nets[1::2], strict=True):
        train(net, optimizer, 1)
    ours, theirs = nets[1].state_dict(), nets[3].state_dict()
    assert {key: state.keys() for key, state in ours["state"].items()} == {
        key: state.keys() for key, state in theirs["state"].items()
    }
    for mine, its in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        assert its.keys() <= mine.keys() <= its.keys() | FLAGS
        assert {name: mine[name] for name in its.keys() - {"params"}} == {
            name: its[name] for name in its.keys() - {"params"}
        }


def test_same_states_before_the_first_step(cls, options, torchs):
    _, ours, _, theirs = pair(cls, options, torchs, torch.float32)
    torch.testing.assert_close(ours.state_dict()["state"], theirs.state_dict()["state"])


@pytest.mark.parametrize("from_torch", [True, False])
def test_takes_over_in_the_middle_of_training(cls, options, torchs, from_torch):
    net, ours, other, theirs = pair(cls, options, torchs, torch.float64)
    first, second = (theirs, ours) if from_torch else (ours, theirs)
    net_of_first, net_of_second = (other, net) if from_torch else (net, other)
    torch.manual_seed(2)
    train(net_of_first, first, 10)
    net_of_second.load_state_dict(net_of_first.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # torch.optim shares what it loads
    for model, optimizer in ((net, ours), (other, theirs)):
        torch.manual_seed(3)
        train(model, optimizer, 10)
    torch.testing.assert_close(net.state_dict(), other.state_dict(), rtol=1e-12, atol=1e-12)


def test_loads_what_an_older_torch_saved(cls, options, torchs):
    """No flags, and single numbers as Python floats."""
    net, ours, other, theirs = pair(cls, options, torchs, torch.float64)
    train(other, theirs, 3)
    saved = copy.deepcopy(theirs.state_dict())
    for group in saved["param_groups"]:
        for name in [name for name, value in group.items() if name in FLAGS or isinstance(value, bool)]:
            if not group[name]:
                del group[name]
    for state in saved["state"].values():
        state.update({name: value.item() for name, value in state.items() if name == "step" or value.dim() == 0})
    ours.load_state_dict(saved)
    net.load_state_dict(other.state_dict())
    for model, optimizer in ((net, ours), (other, theirs)):
        torch.manual_seed(3)
        train(model, optimizer, 3)
    torch.testing.assert_close(net.state_dict(), other.state_dict(), rtol=1e-12, atol=1e-12)
