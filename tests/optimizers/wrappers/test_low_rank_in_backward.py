"""Rules of low rank that step while the backward pass goes on: the same numbers, and no gradient left."""

import copy

import pytest
import torch
from torch import nn

import thalweg


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5))


@pytest.mark.parametrize("rule", ["AdamW", "Adafactor"])
@pytest.mark.parametrize("name", ["GaLore", "Fira", "APOLLO", "QGaLore", "Alice"])
def test_the_same_numbers_as_afterwards(name, rule):
    models = [net(), net()]
    options = {"scale_parameter": False, "relative_step": False} if rule == "Adafactor" else {"weight_decay": 0.1}
    optimizers = [
        getattr(thalweg, name)(model.named_parameters(), getattr(thalweg, rule), rank=2, gap=2, lr=0.1, **options)
        for model in models
    ]
    thalweg.in_backward(models[1], optimizers[1])
    for step in range(6):
        given = torch.randn(3, 6, generator=torch.Generator().manual_seed(step))
        for model, optimizer in zip(models, optimizers, strict=True):
            model(given).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            if step == 2:
                optimizer.param_groups[0]["lr"] = 0.05
            if step == 3:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert all(map(torch.equal, models[0].parameters(), models[1].parameters()))
    assert not torch.equal(models[0][0].weight, net()[0].weight)


def test_each_matrix_has_gone_on_before_the_next_gradient_is_there():
    model, seen = net(), []
    hooks = thalweg.in_backward(model, thalweg.GaLore(model.parameters(), rank=2))
    model[0].weight.register_hook(lambda _: seen.append(model[2].weight.grad))
    model(torch.ones(1, 6)).sum().backward()
    assert seen == [None]
    assert all(param.grad is None for param in model.parameters())
    hooks.remove()
    model(torch.ones(1, 6)).sum().backward()
    assert all(param.grad is not None for param in model.parameters())


def test_hooks_are_run_once_for_all_parameters():
    model, calls = net(), []
    optimizer = thalweg.APOLLO(model.parameters(), rank=2)
    thalweg.in_backward(model, optimizer)
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    model(torch.ones(1, 6)).sum().backward()
    optimizer.step()
    assert calls == [1]


def test_what_needs_all_gradients_is_refused():
    model = net()
    optimizer = thalweg.GaLore(model.parameters(), rank=None, max_grad_norm=1.0)
    with pytest.raises(ValueError, match=r"^GaLore cannot step in backward with max_grad_norm=1.0, since the common"):
        thalweg.in_backward(model, optimizer)
