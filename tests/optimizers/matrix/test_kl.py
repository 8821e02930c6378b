"""KL-Shampoo and KL-SOAP against their paper's equations."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

import thalweg

from ...papers.kl import kl
from .beside import compare, walk, walked

TUNED = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "precondition_frequency": 3}
NAMES = ("KLShampoo", "KLSOAP")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (7, 3), (4, 3, 2)])
@pytest.mark.parametrize("more", [{}, {"shampoo_beta": 0.6, "initial_eigenvalue": 2.0}], ids=str)
def test_the_papers_equations(name, shape, more):
    compare(getattr(thalweg, name), partial(kl, name == "KLSOAP"), shape, TUNED | more)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_side_has_no_basis(name):
    param = nn.Parameter(torch.ones(4, 9))
    state = walked(name, [param], 3, max_precondition_dim=5).state[param]
    assert {"basis_left", "values_left"} <= set(state)
    assert not {"basis_right", "values_right", "products_right"} & set(state)


def test_kl_shampoo_keeps_no_second_moment_of_matrices():
    params = [nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.ones(5))]
    state = walked("KLShampoo", params, 3).state
    assert "exp_avg_sq" not in state[params[0]]
    assert set(state[params[1]]) == {"step", "exp_avg", "exp_avg_sq"}


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_a_checkpoint(name):
    params = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(6, 4))]
    optimizers = [getattr(thalweg, name)([param], precondition_frequency=2) for param in params]
    for step in range(7):
        if step in (1, 2, 4):
            optimizers[1] = getattr(thalweg, name)([params[1]], precondition_frequency=2)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, [param], [step])
    assert torch.equal(*params)


@pytest.mark.parametrize("name", [*NAMES, "SOAP"])
def test_where_there_is_no_first_basis_the_parameters_own_is_taken_and_counted(monkeypatch, name):
    monkeypatch.setattr(torch.linalg, "eigh", lambda _: (_ for _ in ()).throw(RuntimeError("no")))
    param = nn.Parameter(torch.ones(4, 3))
    optimizer = walked(name, [param], 1)
    assert torch.equal(optimizer.state[param]["basis_left"], torch.eye(4))
    assert optimizer.metrics["failed_decompositions"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_complex_numbers_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is for real numbers, but parameter 'w' is"):
        getattr(thalweg, name)([("w", torch.zeros(3, 3, dtype=torch.complex64))])
