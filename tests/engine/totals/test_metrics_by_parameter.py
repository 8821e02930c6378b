"""What `track=True` tells of each parameter, against NumPy on what the step has done."""

import numpy as np
import pytest
import torch
from torch import nn

import thalweg


def scene(**options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 40), nn.Tanh(), nn.Linear(40, 3))
    optimizer = thalweg.AdamW(net.named_parameters(), lr=1e-2, track=True, **options)
    net(torch.randn(8, 6)).square().sum().backward()
    return net, optimizer


def norm(tensor):
    return np.linalg.norm(tensor.detach().double().numpy().ravel())


@pytest.mark.parametrize("options", [{}, {"engine": "eager"}, {"max_grad_norm": 0.1}, {"state_dtype": "8bit"}])
def test_each_parameter_is_told_by_its_name(options):
    net, optimizer = scene(**options)
    for _ in range(3):
        before = {name: param.detach().clone() for name, param in net.named_parameters()}
        optimizer.step()
    told = optimizer.metrics_by_parameter()
    assert list(told) == [name for name, _ in net.named_parameters()]
    for name, param in net.named_parameters():
        assert told[name]["grad_norm"] == pytest.approx(norm(param.grad), rel=1e-6)
        wanted = norm(param.detach() - before[name]) / norm(before[name])
        # A step of float32 numbers is known to some roundings of the numbers themselves.
        assert told[name]["update_to_weight"] == pytest.approx(wanted, rel=1e-3)
    whole = sum(each["grad_norm"] ** 2 for each in told.values()) ** 0.5
    assert whole == pytest.approx(optimizer.metrics["grad_norm"], rel=1e-9)


def test_one_without_a_gradient_is_left_out():
    net, optimizer = scene()
    net[0].weight.grad = None
    optimizer.step()
    assert list(optimizer.metrics_by_parameter()) == ["0.bias", "2.weight", "2.bias"]


def test_without_names_places_are_told():
    params = [torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)]
    optimizer = thalweg.SGD([{"params": params[:1]}, {"params": params[1:]}], lr=0.1, track=True)
    sum(param.square().sum() for param in params).backward()
    optimizer.step()
    assert list(optimizer.metrics_by_parameter()) == ["0.0", "1.0"]


def test_it_must_be_asked_for():
    with pytest.raises(RuntimeError, match=r"AdamW[.]metrics_by_parameter needs track=True"):
        thalweg.AdamW([torch.ones(1, requires_grad=True)]).metrics_by_parameter()
