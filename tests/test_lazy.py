"""Parameters may be handed over before they have a shape or weights, as in torch; what needs these says so."""

import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg.optimizer import registry


def lazy():
    torch.manual_seed(0)
    return nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(2))


def trained(make):
    net = lazy()
    optimizer = make(net.named_parameters(), lr=0.1)
    optimizer.step()
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.ones(3, 5)).square().sum().backward()
        optimizer.step()
    return net.state_dict()


def test_it_is_stepped_as_one_that_had_a_shape_from_the_start():
    torch.testing.assert_close(trained(thalweg.AdamW), trained(torch.optim.AdamW))


def loaded(net):
    optimizer = thalweg.SGD(net.named_parameters(), lr=0.1)
    optimizer.load_state_dict(optimizer.state_dict())


def in_backward(net):
    thalweg.in_backward(net, thalweg.SGD(net.named_parameters(), lr=0.1))


ASKED = {
    "Adagrad": lambda net: thalweg.Adagrad(net.named_parameters()),
    "Muon": lambda net: thalweg.Muon(net.named_parameters()),
    "GaLore": lambda net: thalweg.GaLore(net.named_parameters(), rank=2),
    "LBFGS.step": lambda net: thalweg.LBFGS(net.named_parameters()).step(lambda: net(torch.ones(1, 2)).sum()),
    "explain": lambda net: thalweg.SGD(net.named_parameters(), lr=0.1).explain(),
    "memory": lambda net: thalweg.SGD(net.named_parameters(), lr=0.1).memory(),
    "load_state_dict": loaded,
    "in_backward": in_backward,
    "split": thalweg.split,
}


@pytest.mark.parametrize("who", ASKED)
def test_what_needs_a_shape_says_so(who):
    words = f"^{who} goes by shapes, but parameter '0.weight' of a lazy module has none yet: run a batch through"
    with pytest.raises(ValueError, match=words):
        ASKED[who](lazy())


def test_a_closure_method_has_no_formula_to_tell_of():
    optimizer = thalweg.LBFGS([nn.Parameter(torch.ones(3))])
    assert optimizer.explain().startswith("LBFGS: 1 parameter as one vector")
    with pytest.raises(TypeError, match="LBFGS has no formula, whose states could be counted"):
        optimizer.memory()
    with pytest.raises(RuntimeError, match="LBFGS has no formula, around which averages are kept"):
        optimizer.averaged()


@pytest.mark.parametrize("cls", registry.values(), ids=lambda cls: cls.__name__)
def test_every_optimizer_takes_parameters_without_weights_or_says_what_it_needs(cls):
    """A model on the meta device gets its weights later, as FSDP's do."""
    given = {name: 2 for name in ("rank",) if name in cls.options} | {"lr": 0.1}
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.LazyLinear(2, bias=False))
    for layer in net:
        needs = "(goes by shapes|measures the weights when it is made), but parameter 'weight'"
        try:
            cls(layer.named_parameters(), **given)
        except ValueError as error:
            if not re.search(needs, str(error)):
                raise
