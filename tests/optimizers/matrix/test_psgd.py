"""PSGD with Kronecker factors against its authors' equations, with the same probes; and when its factors move."""

import copy
import importlib

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula import normal
from thalweg.optimizers.matrix import psgd

from ...catalogue.authorities import stand_in
from ...papers.psgd import psgd_kron
from .beside import compare, walk, walked

TUNED = {"lr": 0.1, "momentum": 0.8}
CASES = [
    ({}, (6, 4), (False, False)),
    ({}, (4, 3, 2), (False, False)),
    ({"preconditioner_update_probability": 0.3, "weight_decay": 0.1}, (5, 5), (False, False)),
    ({"momentum_into_precond_update": False, "precond_lr": 0.3, "precond_init_scale": 2.0}, (3, 7), (False, False)),
    ({"memory_save_mode": "one_diag"}, (6, 4), (True, False)),
    ({"memory_save_mode": "one_diag"}, (5, 5), (False, True)),
    ({"memory_save_mode": "smart_one_diag"}, (4, 6), (False, True)),
    ({"memory_save_mode": "smart_one_diag"}, (5, 5), (False, False)),
    ({"memory_save_mode": "all_diag"}, (6, 4), (True, True)),
    ({"max_size_triangular": 5}, (6, 4), (True, False)),
    ({}, (6, 1), (False, True)),
    ({}, (1, 6), (True, False)),
]


def drawn(shape, steps, seed=0):
    like = torch.zeros(shape, dtype=torch.float64).flatten(1)
    return [normal(like, seed, 0, step).numpy() for step in range(1, steps + 1)]


@pytest.mark.parametrize(("options", "shape", "diagonal"), CASES, ids=str)
def test_the_authors_equations(monkeypatch, options, shape, diagonal):
    monkeypatch.setattr(psgd, "BALANCED", 2)
    probability = options.get("preconditioner_update_probability", 1)
    wait = -(-1 // probability)
    due = [step for step in range(1, 13) if step % wait == 0]
    said = {"is_due": lambda step: step in due, "balanced": due[1::2], "diagonal": diagonal}
    compare(thalweg.PSGDKron, psgd_kron, shape, TUNED | options, probes=drawn(shape, 12), **said)


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("shape", [(6, 4), (3, 7)])
@pytest.mark.parametrize("more", [{}, {"memory_save_mode": "one_diag"}, {"precond_lr": 0.3}], ids=str)
def test_timms_code_takes_the_same_steps(monkeypatch, shape, more):
    """With the same probes; it balances factors by chance, which in so few steps it does not."""
    try:
        stand_in("timm")
        stand_in("timm.optim")
        kind = importlib.import_module("timm.optim.kron").Kron
    except ImportError:
        pytest.skip("timm is not installed")
    ours, theirs = (nn.Parameter(torch.linspace(-1, 1, shape[0] * shape[1]).double().view(shape)) for _ in range(2))
    options = TUNED | {"weight_decay": 0.1} | more
    walk(thalweg.PSGDKron([ours], **options), [ours], range(12))
    probes = map(torch.from_numpy, drawn(shape, 12))
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    optimizer = kind([theirs], deterministic=True, **options)
    for step, probe in enumerate(probes):
        generator = torch.Generator().manual_seed(step)
        theirs.grad = torch.randn(shape, generator=generator, dtype=torch.float64)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "randn", lambda *_, probe=probe, **__: probe.clone())
            optimizer.step()
    # they divide by triangular matrices in float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_a_vector_has_one_diagonal_factor():
    numbers = iter([torch.randn(5, dtype=torch.float64) for _ in range(10)])
    param = nn.Parameter(next(numbers))
    optimizer = thalweg.PSGDKron([param], seed=3, **TUNED)
    probes, w, q, m = drawn((5, 1), 9, seed=3), param.detach().numpy().copy(), np.ones(5), np.zeros(5)
    for step, (g, probe) in enumerate(zip(numbers, probes, strict=True), 1):
        param.grad = g
        optimizer.step()
        m = 0.8 * m + 0.2 * g.numpy()
        mean = m / (1 - 0.8**step)
        one, other = (q * mean) ** 2, (probe[:, 0] / q) ** 2
        q = q - 0.1 * (one - other) * q / (one + other).max()
        move = q * q * mean
        w = w - 0.1 * move * min(1, 1.1 / np.sqrt((move**2).mean()))
        np.testing.assert_allclose(param.detach().numpy(), w, rtol=1e-8)
    assert set(optimizer.state[param]) == {"step", "momentum_buffer", "factor_rows"}


def test_numbers_that_are_no_vectors_are_stepped_too():
    params = [nn.Parameter(torch.ones(shape)) for shape in ((), (1,), (0,), (3, 0))]
    walked("PSGDKron", params, 3)
    assert all(torch.isfinite(param).all() for param in params)


def test_factors_move_often_at_first_and_seldom_later():
    """By the schedule of the authors' code: every step, then a falling share of them, and 3 of 100 in the end."""
    steps = [step for step in range(1, 6001) if thalweg.PSGDKron.phase_of(OPTIONS, step) != "between"]
    assert steps[:501] == list(range(1, 502))
    assert len([step for step in steps if 1000 < step <= 1100]) == 50
    assert np.diff(steps[-10:]).tolist() == [34] * 9
    assert thalweg.PSGDKron.phase_of(OPTIONS, 100) == "balance"


OPTIONS = {"preconditioner_update_probability": None}


def test_probes_depend_on_the_parameters_place_and_on_the_seed():
    params = [nn.Parameter(torch.ones(4, 3)) for _ in range(2)]
    optimizer = thalweg.PSGDKron(params)
    for param in params:
        param.grad = torch.ones(4, 3)
    optimizer.step()
    first, second = (optimizer.state[param]["factor_left"] for param in params)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("options", [{}, {"state_dtype": torch.bfloat16}, {"memory_save_mode": "all_diag"}], ids=str)
def test_training_goes_on_from_a_checkpoint(options):
    options = {"preconditioner_update_probability": 0.4} | options
    params = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(6, 4))]
    optimizers = [thalweg.PSGDKron([param], **options) for param in params]
    for step in range(8):
        if step in (1, 2, 5):
            optimizers[1] = thalweg.PSGDKron([params[1]], **options)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, [param], [step])
    assert torch.equal(*params)


def test_complex_numbers_are_refused():
    with pytest.raises(ValueError, match="PSGDKron is for real numbers, but parameter 'w' is"):
        thalweg.PSGDKron([("w", torch.zeros(3, 3, dtype=torch.complex64))])
