"""Muown, MUD and SOAP-Muon against their papers' boxes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import thalweg

from ...papers.muon_kin import mud, muown, polar
from .beside import compare, walk
from .test_soap import CHOSEN, Paper

NAMES = ("Muown", "MUD", "SOAPMuon")


@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 7), (4, 3, 2)])
@pytest.mark.parametrize("more", [{}, {"weight_decay": 0.3, "nesterov": True}], ids=str)
def test_muowns_box(shape, more, engine):
    options = {"lr": 0.05, "momentum": 0.8, "betas": (0.7, 0.8), "magnitude_eps": 1e-3, "engine": engine}
    # what is made orthogonal is float32 beside float64
    compare(thalweg.Muown, muown, shape, options | more, steps=6, tolerance=1e-5)


def test_rows_of_zeros_stay():
    param = nn.Parameter(torch.ones(4, 6))
    param.data[1] = 0
    optimizer = thalweg.Muown([param])
    walk(optimizer, [param], range(3))
    assert torch.isfinite(param).all()
    assert not param[1].any()


@pytest.mark.parametrize("shape", [(6, 4), (4, 7), (5, 5), (4, 3, 2)])
@pytest.mark.parametrize("more", [{}, {"passes": 3}, {"nesterov": False}], ids=str)
def test_muds_box(shape, more):
    compare(thalweg.MUD, mud, shape, {"lr": 0.05, "momentum": 0.8, "eps": 0.0} | more, tolerance=1e-9)


def test_many_passes_make_rows_orthonormal():
    param = nn.Parameter(torch.zeros(4, 9, dtype=torch.float64))
    walk(thalweg.MUD([param], lr=1.0, weight_decay=0, passes=12), [param], [0])
    product = param.detach() @ param.detach().T / (0.2**2 * 9)
    torch.testing.assert_close(product, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("shape", [(6, 6), (4, 12)])
def test_soaps_step_made_orthogonal(shape):
    class Orthogonal(Paper):
        def move(self, gradient):
            before = self.weight
            self.options = self.options | {"weight_decay": 0.0, "lr": 1.0}
            super().move(gradient)
            step = 0.2 * np.sqrt(max(shape)) * polar(before - self.weight)
            self.options = chosen
            self.weight = (before - chosen["lr"] * step) * (1 - chosen["lr"] * chosen["weight_decay"])

    chosen = CHOSEN
    param = nn.Parameter(torch.randn(shape, dtype=torch.float64))
    twin = Orthogonal(param.detach().numpy().copy(), chosen)
    optimizer = thalweg.SOAPMuon([param], **chosen)
    for step in range(8):
        walk(optimizer, [param], [step])
        twin.step(param.grad.numpy())
        np.testing.assert_allclose(param.detach().numpy(), twin.weight, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_a_checkpoint(name):
    params = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(6, 4))]
    optimizers = [getattr(thalweg, name)([param]) for param in params]
    for step in range(6):
        if step in (1, 3):
            optimizers[1] = getattr(thalweg, name)([params[1]])
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, [param], [step])
    assert torch.equal(*params)


@pytest.mark.parametrize("name", ["Muown", "MUD"])
def test_they_take_a_whole_model(name):
    net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    optimizer = getattr(thalweg, name)(net.named_parameters(), lr=0.01)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    walk(optimizer, list(net.parameters()), range(2))
    assert f"{name}'s formula: 0.weight\n" in optimizer.explain()


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_lines_without_a_gradient_rest(shape):
    """As those of a neuron that is dead: nothing can be divided by their products."""
    param = nn.Parameter(torch.ones(shape))
    param.grad = torch.randn(shape)
    resting = torch.zeros(shape, dtype=torch.bool)
    (resting if shape[0] < shape[1] else resting.mT)[1] = True
    param.grad[resting] = 0
    thalweg.MUD([param], lr=0.1, weight_decay=0).step()
    assert param.isfinite().all()
    assert ((param == 1) == resting).all()
