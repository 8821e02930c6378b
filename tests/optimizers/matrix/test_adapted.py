"""AdaMuon (Si, Zhang & Shen 2025) and NorMuon (Li et al. 2025) in NumPy's float64, around the iteration."""

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS

OPTIONS = [
    {},
    {"nesterov": True, "beta2": 0.5, "denominator_eps": 0.1},
    {"adjust_lr_fn": "original", "weight_decay": 0},
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cls", [thalweg.AdaMuon, thalweg.NorMuon])
def test_the_paper_in_numpy(monkeypatch, cls, options, engine):
    # what products make of a matrix has tests of its own; here it is the matrix times 0.25
    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", lambda stack, *numbers: stack * 0.25)
    is_by_rows = cls is thalweg.NorMuon
    chosen = {"nesterov": False} | ({} if is_by_rows else {"sign_stabilized": not options.get("nesterov")}) | options
    chosen = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95, "beta2": 0.95, "denominator_eps": 1e-8} | chosen
    weight = nn.Parameter(torch.randn(12, 6, dtype=torch.float64))
    optimizer = cls([weight], engine=engine, **chosen)
    mine, m, v = weight.detach().numpy().copy(), np.zeros((12, 6)), np.zeros((12, 6))
    for _ in range(5):
        weight.grad = torch.randn(12, 6, dtype=torch.float64)
        gradient = weight.grad.numpy()
        m = chosen["momentum"] * m + (1 - chosen["momentum"]) * gradient
        u = (1 - chosen["momentum"]) * gradient + chosen["momentum"] * m if chosen["nesterov"] else m
        o = 0.25 * (np.sign(u) if chosen.get("sign_stabilized") else u)
        square = (o * o).mean(1, keepdims=True) if is_by_rows else o * o
        v = chosen["beta2"] * v + (1 - chosen["beta2"]) * square
        step = o / (np.sqrt(v) + chosen["denominator_eps"])
        size = (12 / 6) ** 0.5 * 6**0.5 if "adjust_lr_fn" in options else 0.2 * (12 * 6) ** 0.5
        mine = (1 - chosen["lr"] * chosen["weight_decay"]) * mine
        mine = mine - chosen["lr"] * size * step / (np.linalg.norm(step) + chosen["denominator_eps"])
        optimizer.step()
        # what the iteration is given, and gives, is float32 beside float64
        np.testing.assert_allclose(weight.detach().numpy(), mine, rtol=1e-6, atol=1e-7)


def test_normuon_keeps_a_number_a_row():
    kernel = nn.Parameter(torch.randn(8, 4, 3, 3))
    optimizer = thalweg.NorMuon([kernel])
    kernel.grad = torch.randn_like(kernel)
    optimizer.step()
    assert optimizer.state[kernel]["second_momentum_buffer"].numel() == 8


@pytest.mark.parametrize("cls", [thalweg.AdaMuon, thalweg.NorMuon])
def test_they_take_a_whole_model(cls):
    net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    optimizer = cls(net.named_parameters(), lr=0.01)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    for param in net.parameters():
        param.grad = torch.randn_like(param)
    optimizer.step()
    assert f"{cls.__name__}'s formula: 0.weight\n" in optimizer.explain()
