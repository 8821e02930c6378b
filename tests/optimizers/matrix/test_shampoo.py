"""Shampoo against its two papers' boxes, in blocks, and where a root cannot be found."""

import copy
import re

import pytest
import torch
from torch import nn

import thalweg

from ...papers import shampoo
from .beside import compare, walk, walked

TUNED = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "precondition_frequency": 3}
OPTIONS = [
    {},
    {"start_preconditioning_step": 5, "shampoo_beta": 0.7},
    {"grafting": "sgd", "matrix_eps": 1e-3},
    {"grafting": "rmsprop", "exponent": 0.5},
    {"grafting": "adagrad", "shampoo_beta": 1},
    {"grafting": None, "start_preconditioning_step": 1, "precondition_frequency": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (4, 3, 2)])
def test_the_paper_that_uses_it_at_scale(shape, options):
    # where there are fewer gradients than rows, a root is as uncertain as the least eigenvalue
    compare(thalweg.Shampoo, shampoo.shi, shape, TUNED | {"matrix_eps": 1e-6} | options)


def test_the_first_papers_box():
    options = {"lr": 0.1, "betas": (0, 0.9), "shampoo_beta": 1, "grafting": None, "precondition_frequency": 1}
    start, *given = (torch.randn(5, 7, dtype=torch.float64) for _ in range(6))
    param = nn.Parameter(start.clone())
    optimizer = thalweg.Shampoo([param], matrix_eps=1e-4, **options)
    for wanted, gradient in zip(
        shampoo.gupta(start.numpy(), [one.numpy() for one in given], 0.1, 1e-4), given, strict=True
    ):
        param.grad = gradient
        optimizer.step()
        torch.testing.assert_close(param.detach(), torch.from_numpy(wanted), rtol=1e-10, atol=1e-10)


def test_a_vector_is_one_column():
    seen = {"seen": lambda x: x[:, None], "options": TUNED | {"precondition_1d": True, "matrix_eps": 1e-6}}
    compare(thalweg.Shampoo, shampoo.shi, (5,), **seen)


@pytest.mark.parametrize("root", ["eigen", "newton"])
def test_each_block_is_a_matrix_of_its_own(root):
    """Blocks are what as many parameters would be, but for the length of the step, which is the whole matrix's."""
    whole = nn.Parameter(torch.randn(8, 9, dtype=torch.float64))
    parts = [nn.Parameter(part.clone()) for half in whole.detach().chunk(2) for part in half.split(3, 1)]
    options = TUNED | {"grafting": None, "root": root, "block_size": 4}
    ours, apart = thalweg.Shampoo([whole], **options), thalweg.Shampoo(parts, **options)
    for step in range(7):
        whole.grad = torch.randn(8, 9, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        for part, grad in zip(parts, [p for half in whole.grad.chunk(2) for p in half.split(3, 1)], strict=True):
            part.grad = grad.clone()
        ours.step()
        apart.step()
    together = torch.cat([torch.cat([*half], 1) for half in (parts[:3], parts[3:])])
    torch.testing.assert_close(whole, together, rtol=1e-10, atol=1e-10)
    assert ours.state[whole]["root_left"].shape == (2, 3, 4, 4)
    assert ours.state[whole]["root_right"].shape == (2, 3, 3, 3)


def test_the_iteration_finds_the_eigenvalues_roots():
    params = [nn.Parameter(torch.ones(6, 8, dtype=torch.float64)) for _ in range(2)]
    for param, root in zip(params, ("eigen", "newton"), strict=True):
        walked("Shampoo", [param], 20, root=root, **TUNED | {"matrix_eps": 1e-2})
    torch.testing.assert_close(*params, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("root", ["eigen", "newton"])
def test_where_there_is_no_root_the_last_one_stays_and_is_counted(monkeypatch, root):
    def fails(*_, **__):
        raise torch.linalg.LinAlgError("did not converge")

    param = nn.Parameter(torch.ones(6, 4))
    optimizer = walked("Shampoo", [param], 3, precondition_frequency=1, root=root)
    assert "failed_decompositions" not in optimizer.metrics
    kept = optimizer.state[param]["root_left"].clone()
    before = param.detach().clone()
    monkeypatch.setattr(torch.linalg, "eigh", fails)
    monkeypatch.setattr(torch.linalg, "matrix_power", lambda matrix, _: matrix * 0)
    walk(optimizer, [param], [3, 4])
    assert torch.equal(optimizer.state[param]["root_left"], kept)
    assert optimizer.metrics["failed_decompositions"] == 4
    assert torch.isfinite(param).all()
    assert not torch.equal(param, before)


def test_a_first_root_that_fails_is_the_identity(monkeypatch):
    monkeypatch.setattr(torch.linalg, "eigh", lambda _: (_ for _ in ()).throw(RuntimeError("no")))
    param = nn.Parameter(torch.ones(6, 4))
    optimizer = walked("Shampoo", [param], 1, precondition_frequency=1)
    assert torch.equal(optimizer.state[param]["root_right"], torch.eye(4))


@pytest.mark.parametrize("options", [{}, {"block_size": 8}, {"state_dtype": "8bit"}, {"root": "newton"}], ids=str)
def test_training_goes_on_from_a_checkpoint(options):
    params = [nn.Parameter(torch.ones(24, 16)), nn.Parameter(torch.ones(24, 16))]
    optimizers = [thalweg.Shampoo([param], precondition_frequency=2, **options) for param in params]
    for step in range(8):
        if step in (1, 2, 5):
            optimizers[1] = thalweg.Shampoo([params[1]], precondition_frequency=2, **options)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, [param], [step])
    assert torch.equal(*params)


@pytest.mark.parametrize(
    ("param", "options", "sentence"),
    [
        (
            torch.zeros(7, 4),
            {"block_size": 4},
            "up to it, but parameter 'w' has a side of 7, which none of them divides",
        ),
        (torch.zeros(4, 2, 11), {"block_size": 5}, "has a side of 22, which none of them divides: choose a block_size"),
        (torch.zeros(4, 4), {"block_size": 0}, "needs block_size a whole number, at least 1"),
        (torch.zeros(4, 4), {"root": "svd"}, "needs root to be one of 'eigen', 'newton', but got 'svd'"),
        (torch.zeros(4, 4), {"root": "newton", "exponent": 0.3}, "needs exponent to be one over a whole number"),
        (torch.zeros(4, 4, dtype=torch.complex64), {}, "Shampoo is for real numbers, but parameter 'w' is"),
    ],
    ids=str,
)
def test_what_it_does_not_take(param, options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        thalweg.Shampoo([("w", param)], **options)
