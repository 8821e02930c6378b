"""Wrappers and hooks are freed with their optimizer, by counting references alone, and keep nothing it has lost."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch import nn

import thalweg as optim


@pytest.fixture(autouse=True)
def _no_cyclic_collector():
    # torch's own first optimizer of a process is freed by it: that one is made here.
    torch.optim.SGD([torch.zeros(1)])
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))


def closure_of(model, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(2, 8)).square().sum()
        loss.backward()
        return loss

    return closure


def clipped(optimizer, model):
    clip = optim.QKClip(optimizer, {"one": (model[0].weight, model[2].weight)}, threshold=0.5)
    clip.see("one", torch.ones(4))
    return clip


AROUND = {
    "SAM": lambda optimizer, _: optim.SAM(optimizer),
    "ASAM": lambda optimizer, _: optim.ASAM(optimizer),
    "GSAM": lambda optimizer, _: optim.GSAM(optimizer),
    "WSAM": lambda optimizer, _: optim.WSAM(optimizer),
    "LookSAM": lambda optimizer, _: optim.LookSAM(optimizer, k=2),
    "FriendlySAM": lambda optimizer, _: optim.FriendlySAM(optimizer),
    "Mechanic": lambda optimizer, _: optim.Mechanic(optimizer),
    "Magma": lambda optimizer, _: optim.Magma(optimizer),
    "TRAC": lambda optimizer, _: optim.TRAC(optimizer),
    "EMANesterov": lambda optimizer, _: optim.EMANesterov(optimizer),
    "QKClip": clipped,
}
RULES = {
    "thalweg": lambda params: optim.AdamW(params),
    "torch": lambda params: torch.optim.AdamW(params),
    "low rank": lambda params: optim.GaLore(params, rank=2),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_wrapper_is_freed_with_its_optimizer(around, rule):
    def train():
        model = net()
        optimizer = rule(model.parameters())
        wrapper = around(optimizer, model)
        for _ in range(2):
            optimizer.step(closure_of(model, optimizer))
        return [weakref.ref(thing) for thing in (wrapper, optimizer, *model.parameters())]

    assert [ref() for ref in train()] == [None] * 6


@pytest.mark.parametrize("kept", ["model", "optimizer", "hooks", "all"])
@pytest.mark.parametrize("kind", ["thalweg", "low rank"])
def test_what_steps_in_backward_is_freed_with_its_model(kind, kept):
    """And it works as long as anything of it is there."""

    def train():
        model = net()
        optimizer = RULES[kind](model.parameters())
        things = {"model": model, "optimizer": optimizer, "hooks": optim.in_backward(model, optimizer)}
        refs = [weakref.ref(thing) for thing in (*things.values(), *model.parameters())]
        params = list(model.parameters())
        loss = model(torch.ones(2, 8)).sum()
        things = {name: thing for name, thing in things.items() if kept in (name, "all")}
        del model, optimizer
        loss.backward()
        assert all(param.grad is None for param in params)
        return refs

    assert [ref() for ref in train()] == [None] * 7


def test_what_nobody_has_cannot_step_in_backward():
    params = [nn.Parameter(torch.ones(2))]
    optim.in_backward(nn.ParameterList(params), optim.SGD(params, lr=0.1))
    with pytest.raises(RuntimeError, match=r"^SGD cannot step in backward, since neither it nor the model"):
        params[0].sum().backward()


def test_what_was_removed_is_forgotten():
    model = net()
    groups = [{"params": list(layer.parameters())} for layer in (model[0], model[2])]
    optimizer = optim.GaLore(groups, rank=2)
    moving = optim.EMANesterov(optimizer)
    optimizer.step(closure_of(model, optimizer))
    last, groups = model[2], None
    model[2] = nn.Identity()
    before = copy.deepcopy(last.state_dict())
    del optimizer.param_groups[1]
    optimizer.step(closure_of(model, optimizer))
    assert all(map(torch.equal, last.state_dict().values(), before.values()))
    optimizer.state.pop(last.weight)
    optimizer.load_state_dict(optimizer.state_dict())
    gone = [weakref.ref(param) for param in last.parameters()]
    last = None
    assert [ref() for ref in gone] == [None, None]
    assert len(moving.means) == 2


def test_a_parameter_that_was_removed_is_no_longer_stepped_in_backward():
    model = net()
    optimizer = optim.SGD([{"params": list(layer.parameters())} for layer in (model[0], model[2])], lr=0.1)
    hooks = optim.in_backward(model, optimizer)
    del optimizer.param_groups[1]
    before = copy.deepcopy(model.state_dict())
    model(torch.ones(2, 8)).sum().backward()
    optimizer.step()
    same = [torch.equal(value, before[name]) for name, value in model.state_dict().items()]
    assert same == [False, False, True, True]
    assert len(hooks.handles) == 2
    assert model[0].weight.grad is None
    assert model[2].weight.grad is not None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda whole: pickle.loads(pickle.dumps(whole))])
@pytest.mark.parametrize("around", [*list(AROUND)[:4], "in_backward"])
def test_a_copy_works_as_the_original_does(around, copied):
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    make = AROUND.get(around, lambda optimizer, model: optim.in_backward(model, optimizer))
    whole = model, optimizer, make(optimizer, model)
    optimizer.step(closure_of(model, optimizer))
    twin = copied(whole)
    for one, its, wrapper in (whole, twin):
        assert wrapper.optimizer is its
        for _ in range(2):
            its.step(closure_of(one, its))
    assert all(map(torch.equal, model.parameters(), twin[0].parameters()))
    assert (model[0].weight.grad is None) == (twin[0][0].weight.grad is None)


def test_means_begin_with_the_first_step_of_a_closure():
    """As without a closure: which parameters have gradients is known only when it has been called."""
    models = [net(), net()]
    optimizers = [optim.SGD(model.parameters(), lr=0.1) for model in models]
    for optimizer in optimizers:
        optim.EMANesterov(optimizer)
    for _ in range(3):
        optimizers[0].step(closure_of(models[0], optimizers[0]))
        closure_of(models[1], optimizers[1])()
        optimizers[1].step()
    assert all(map(torch.equal, models[0].parameters(), models[1].parameters()))
