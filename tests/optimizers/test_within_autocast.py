"""Steps within torch.autocast, which rounds what goes into products."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

import thalweg as optim


@pytest.mark.parametrize("kind", ["SOAP", "Muon", "GaLore", "Fira", "APOLLO"])
def test_a_step_rounds_nothing(kind):
    """Lightning's manual optimization steps within it."""
    options = {"SOAP": {"precondition_frequency": 1}, "Muon": {"lr": 0.1}}.get(kind, {"rank": 2, "gap": 2})
    params = [nn.Parameter(torch.ones(20, 12)) for _ in range(2)]
    for param, enabled in zip(params, (False, True), strict=True):
        optimizer = getattr(optim, kind)([param], **options)
        for step in range(3):
            param.grad = torch.arange(240.0).square().sin().reshape(20, 12) + step
            with torch.autocast("cpu", enabled=enabled):
                optimizer.step()
    assert torch.equal(*params)


@pytest.mark.parametrize("kind", ["LBFGS", "BFGS", "SSBroyden", "NewtonCG", "TrustRegion", "SAM"])
def test_autocast_is_the_closures_alone(kind):
    """It rounds the parameters anew at each point; the method's own products stay as they are."""
    results = []
    for around, inside in ((True, False), (False, True)):
        torch.manual_seed(0)
        layer, inputs, targets = nn.Linear(8, 4), torch.randn(16, 8), torch.randn(16, 4)

        def closure(layer=layer, inputs=inputs, targets=targets, inside=inside):
            layer.zero_grad()
            with torch.autocast("cpu") if inside else nullcontext():
                loss = (layer(inputs).float() - targets).square().mean()
                loss.backward()
            return loss

        optimizer = optim.SGD(layer.parameters(), lr=0.1) if kind == "SAM" else getattr(optim, kind)(layer.parameters())
        if kind == "SAM":
            optim.SAM(optimizer, rho=1.0)
        with torch.autocast("cpu", enabled=around):
            optimizer.step(closure)
        results.append(layer.weight.detach())
    assert torch.equal(*results)
