"""Dion and Dion2 against their papers' boxes, and what they keep."""

import copy
import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula import normal
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS, as_matrices

from ...papers.dion import dion, dion2
from .beside import compare, walk, walked

TUNED = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1}


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (4, 3, 2)])
@pytest.mark.parametrize(("fraction", "rank"), [(1.0, 4), (0.5, 2), (0.3, 2)])
def test_dions_box(shape, fraction, rank):
    flat = torch.zeros(shape).flatten(1).shape
    drawn = normal(torch.zeros(flat[1], rank, dtype=torch.float64), 5, 0, 0).numpy()
    options = TUNED | {"rank_fraction": fraction, "seed": 5}
    optimizer = compare(thalweg.Dion, dion, shape, options, first=drawn)
    (state,) = optimizer.state.values()
    assert state["directions"].shape == (flat[1], rank)


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (6, 6)])
@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.01])
def test_dion2s_box(monkeypatch, shape, fraction):
    def polar(stack, steps, eps, batch_dims, blocks, *coefficients):
        """Make what is there orthogonal, and leave lines of zeros: the iteration has tests of its own."""
        x = as_matrices(stack.double(), batch_dims, blocks)
        u, s, v = torch.linalg.svd(x, full_matrices=False)
        return ((u * (s > 1e-6 * s.amax(-1, keepdim=True))[:, None]) @ v).reshape(stack.shape)

    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", polar)
    # what is made orthogonal is float32 beside float64
    compare(thalweg.Dion2, dion2, shape, TUNED | {"fraction": fraction}, tolerance=1e-5)


def test_lines_of_zeros_stay_so_in_the_iteration():
    param = nn.Parameter(torch.ones(8, 16))
    walked("Dion2", [param], 1, weight_decay=0)
    assert (param != 1).any(1).sum() == 2


@pytest.mark.parametrize("name", ["Dion", "Dion2"])
def test_parameters_alike_are_as_alone(name):
    params, twins = ([nn.Parameter(torch.ones(4, 6)) for _ in range(2)] for _ in range(2))
    together, alone = getattr(thalweg, name)(params), getattr(thalweg, name)(twins)
    for step in range(3):
        walk(together, params, [step])
        for param, twin in zip(params, twins, strict=True):
            twin.grad = param.grad.clone()
            alone.step()
            twin.grad = None
    assert all(map(torch.equal, params, twins))
    assert not torch.equal(*params)


@pytest.mark.parametrize("name", ["Dion", "Dion2"])
def test_a_whole_model_goes_on_from_a_checkpoint(name):
    nets = [nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers = [getattr(thalweg, name)(net.named_parameters()) for net in nets]
    for step in range(5):
        if step in (1, 3):
            optimizers[1] = getattr(thalweg, name)(nets[1].named_parameters())
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, net in zip(optimizers, nets, strict=True):
            walk(optimizer, list(net.parameters()), [step])
    assert all(map(torch.equal, nets[0].parameters(), nets[1].parameters()))
    assert "AdamW's formula, as it is no matrix" in optimizers[0].explain()


@pytest.mark.parametrize(("name", "option"), [("Dion", "rank_fraction"), ("Dion2", "fraction")])
@pytest.mark.parametrize("value", [0, 1.5])
def test_fractions_of_a_matrix(name, option, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} needs {option}")):
        getattr(thalweg, name)([torch.zeros(4, 4)], **{option: value})


def test_directions_of_another_rank_are_refused():
    one, other = nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.ones(4, 6))
    saved = walked("Dion", [one], 1).state_dict()
    optimizer = thalweg.Dion([other], rank_fraction=0.5)
    del saved["param_groups"][0]["rank_fraction"]
    saved["param_groups"][0]["rank_fraction"] = 0.5
    with pytest.raises(ValueError, match=re.escape("needs its directions to have shape (6, 2), but that has (6, 4)")):
        optimizer.load_state_dict(saved)
