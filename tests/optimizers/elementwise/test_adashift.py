"""AdaShift with fewer gradients, the states that it keeps, and others' code."""

import copy

import pytest
import torch
from torch import nn

import thalweg

from ...papers.shifted import adashift


def walk(optimizer, param, steps):
    for step in steps:
        param.grad = torch.randn(param.shape, generator=torch.Generator().manual_seed(step), dtype=param.dtype)
        optimizer.step()


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("keep_num", [1, 3])
def test_fewer_gradients(keep_num, engine):
    param = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    given = [torch.randn(1, generator=torch.Generator().manual_seed(s), dtype=torch.float64).item() for s in range(12)]
    *_, wanted = adashift(0.0, given, n=keep_num, lr=0.1)
    optimizer = thalweg.AdaShift([param], keep_num=keep_num, lr=0.1, engine=engine)
    walk(optimizer, param, range(12))
    assert param.item() == pytest.approx(wanted, rel=1e-12)
    assert set(optimizer.state[param]) == {"step", "exp_avg", "exp_avg_sq", *(f"kept_{k}" for k in range(keep_num))}


def test_going_on_from_a_checkpoint_finds_its_place():
    params = [nn.Parameter(torch.ones(5)) for _ in range(2)]
    optimizers = [thalweg.AdaShift([param], keep_num=3, state_dtype=torch.bfloat16) for param in params]
    for step in range(9):
        if step in (2, 4, 6):
            optimizers[1] = thalweg.AdaShift([params[1]], keep_num=3, state_dtype=torch.bfloat16)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, param, [step])
    assert torch.equal(*params)


@pytest.mark.parametrize("keep_num", [0, 11, 2.5])
def test_how_many_are_kept(keep_num):
    with pytest.raises(ValueError, match="AdaShift needs keep_num a whole number, in"):
        thalweg.AdaShift([torch.zeros(3)], keep_num=keep_num)
