"""Whatever a compiled function does with an optimizer, it does as it would without the compiler."""

import pytest
import torch
from torch import nn

import thalweg


def halved(optimizer):
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.5
    return optimizer.lr


def loaded(optimizer):
    optimizer.load_state_dict(optimizer.state_dict())
    return optimizer.explain(), str(optimizer.memory()), repr(optimizer), optimizer.metrics


def three_steps(of, between):
    """Step in between, so that what was edited shows in the weights."""
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    optimizer = thalweg.AdamW(net.parameters(), lr=0.1)

    def both():
        optimizer.zero_grad()
        net(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        return between(optimizer)

    run = of(both)
    return [run() for _ in range(3)], net.weight.tolist()


@pytest.mark.parametrize("between", [halved, loaded])
def test_groups_are_read_and_edited_in_compiled_code(between):
    plain = three_steps(lambda function: function, between)
    assert three_steps(lambda function: torch.compile(function, backend="eager"), between) == plain


def test_a_closure_method_steps_in_compiled_code():
    def minimized(of):
        point = nn.Parameter(torch.tensor([2.0, -3.0]))
        optimizer = thalweg.LBFGS([point])

        def closure():
            optimizer.zero_grad()
            loss = (point - 1).square().sum()
            loss.backward()
            return loss

        of(lambda: optimizer.step(closure))()
        return point.tolist()

    assert minimized(lambda function: torch.compile(function, backend="eager")) == minimized(lambda function: function)
