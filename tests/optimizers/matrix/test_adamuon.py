"""AdaMuon in NumPy's float64, around an iteration that is left out: Si, Zhang & Shen 2025, algorithm 1."""

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.matrix import MATRIX_FUNCTIONS

OPTIONS = [
    {},
    {"sign_stabilized": False, "nesterov": True, "beta2": 0.5, "adamuon_eps": 0.1},
    {"adjust_lr_fn": "original", "weight_decay": 0},
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_paper_in_numpy(monkeypatch, options, engine):
    # what products make of a matrix has tests of its own; here it is the matrix times 0.25
    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", lambda stack, *numbers: stack * 0.25)
    chosen = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95, "beta2": 0.95, "adamuon_eps": 1e-8} | options
    weight = nn.Parameter(torch.randn(12, 6, dtype=torch.float64))
    optimizer = thalweg.AdaMuon([weight], engine=engine, **chosen)
    mine, m, v = weight.detach().numpy().copy(), np.zeros((12, 6)), np.zeros((12, 6))
    for _ in range(5):
        weight.grad = torch.randn(12, 6, dtype=torch.float64)
        gradient = weight.grad.numpy()
        m = chosen["momentum"] * m + (1 - chosen["momentum"]) * gradient
        u = (1 - chosen["momentum"]) * gradient + chosen["momentum"] * m if options.get("nesterov") else m
        o = 0.25 * (np.sign(u) if options.get("sign_stabilized", True) else u)
        v = chosen["beta2"] * v + (1 - chosen["beta2"]) * o * o
        step = o / (np.sqrt(v) + chosen["adamuon_eps"])
        size = (12 / 6) ** 0.5 * 6**0.5 if "adjust_lr_fn" in options else 0.2 * (12 * 6) ** 0.5
        mine = (1 - chosen["lr"] * chosen["weight_decay"]) * mine
        mine = mine - chosen["lr"] * size * step / (np.linalg.norm(step) + chosen["adamuon_eps"])
        optimizer.step()
        # what the iteration is given, and gives, is float32 beside float64
        np.testing.assert_allclose(weight.detach().numpy(), mine, rtol=1e-6, atol=1e-7)


def test_it_takes_a_whole_model():
    net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    optimizer = thalweg.AdaMuon(net.named_parameters(), lr=0.01)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    for param in net.parameters():
        param.grad = torch.randn_like(param)
    optimizer.step()
    assert "AdaMuon's formula: 0.weight\n" in optimizer.explain()
