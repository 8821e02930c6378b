"""Muon beside torch.optim's, and where it goes further: convolutions, stacked matrices, every format."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.matrices.matrix import COEFFICIENTS, threes

from ...formula.orthogonal_by_numpy import JORDAN, by_numpy

SHAPES = [(8, 16), (16, 8), (8, 16), (5, 5), (1, 7)]
OPTIONS = [
    {},
    {"nesterov": False},
    {"weight_decay": 0},
    {"adjust_lr_fn": "match_rms_adamw"},
    {"adjust_lr_fn": "original", "momentum": 0.5, "ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
]


def trained(kind, options, steps, dtype=torch.float32, state=None):
    """Train on gradients that depend on the step, two groups of which one has another lr."""
    torch.manual_seed(1)
    params = [nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]
    optimizer = kind([{"params": params[:2]}, {"params": params[2:], "lr": 0.02}], **options)
    if state:
        params, saved = state
        optimizer = kind([{"params": params[:2]}, {"params": params[2:], "lr": 0.02}], **options)
        optimizer.load_state_dict(saved)
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.grad = torch.randn(param.shape, dtype=dtype, generator=generator) + 0.1 * param.detach()
        optimizer.step()
    return params, optimizer


def close(found, wanted, size):
    """Compare, but for roundings in bfloat16: products are summed in other orders, some elements come out 3% apart.

    A parameter in bfloat16 is rounded once here, and twice by torch.
    """
    for one, other in zip(found, wanted, strict=True):
        rounding = 1.5 * torch.finfo(one.dtype).eps
        torch.testing.assert_close(one, other, rtol=rounding, atol=0.03 * size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_step_is_torchs(options, dtype, engine):
    ours, _ = trained(thalweg.Muon, options | {"engine": engine}, range(1), dtype)
    theirs, _ = trained(torch.optim.Muon, options, range(1), dtype)
    size = 0.02 * (0.2 * 4 if options.get("adjust_lr_fn") == "match_rms_adamw" else 2**0.5)
    close(ours, theirs, size)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_fifty_steps_are_torchs(options):
    ours, optimizer = trained(thalweg.Muon, options, range(50))
    theirs, other = trained(torch.optim.Muon, options, range(50))
    # roundings add up as in a random walk
    close(ours, theirs, 0.02 * 4 * 50**0.5)
    for param, twin in zip(ours, theirs, strict=True):
        # gradients depend a little on parameters
        torch.testing.assert_close(
            optimizer.state[param]["momentum_buffer"], other.state[twin]["momentum_buffer"], rtol=0, atol=0.02
        )


@pytest.mark.parametrize(("first", "second"), [(thalweg.Muon, torch.optim.Muon), (torch.optim.Muon, thalweg.Muon)])
def test_checkpoints_go_both_ways(first, second):
    params, optimizer = trained(first, {}, range(5))
    copies = [nn.Parameter(param.detach().clone()) for param in params]
    on, _ = trained(second, {}, range(5, 10), state=(copies, optimizer.state_dict()))
    whole, _ = trained(first, {}, range(10))
    close(on, whole, 0.02 * 2 * 10**0.5)


def test_the_paper_in_numpy():
    """Jordan et al. 2024: B = mu B + (1 - mu) G, O = NewtonSchulz5(lerp(G, B, mu)), W = (1 - lr wd) W - lr s O."""
    lr, decay, mu = 0.02, 0.1, 0.95
    weight = nn.Parameter(torch.randn(12, 6, dtype=torch.float64))
    optimizer = thalweg.Muon([weight], lr=lr, weight_decay=decay, momentum=mu)
    mine, buffer = weight.detach().numpy().copy(), np.zeros((12, 6))
    for _ in range(5):
        weight.grad = torch.randn(12, 6, dtype=torch.float64)
        gradient = weight.grad.numpy()
        buffer = mu * buffer + (1 - mu) * gradient
        made = by_numpy((1 - mu) * gradient + mu * buffer, JORDAN, 5, 1e-7)
        mine = (1 - lr * decay) * mine - lr * max(1, 12 / 6) ** 0.5 * made
        optimizer.step()
        np.testing.assert_allclose(optimizer.state[weight]["momentum_buffer"], buffer, rtol=1e-12, atol=1e-15)
    # five steps in bfloat16, each up to a tenth of an element apart
    np.testing.assert_allclose(weight.detach().numpy(), mine, rtol=0, atol=5 * 0.1 * lr * 2**0.5)


SIZES = {
    None: lambda rows, columns: max(1, rows / columns) ** 0.5,
    "original": lambda rows, columns: max(1, rows / columns) ** 0.5,
    "match_rms_adamw": lambda rows, columns: 0.2 * max(rows, columns) ** 0.5,
    "spectral_unclamped": lambda rows, columns: (rows / columns) ** 0.5,
}


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(12, 48), (48, 12), (20, 20)], ids=str)
@pytest.mark.parametrize("name", SIZES)
def test_the_size_of_an_update_is_the_formulas(name, shape, engine):
    """The first update in NumPy's float64: lr s O, for s by its definition in torch 2.15's documentation."""
    weight = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    weight.grad = torch.randn(shape, dtype=torch.float64)
    thalweg.Muon([weight], lr=0.5, weight_decay=0, adjust_lr_fn=name, engine=engine).step()
    wanted = -0.5 * SIZES[name](*shape) * by_numpy(weight.grad.numpy(), JORDAN, 5, 1e-7)
    # bfloat16's roundings, of up to 1/256 each, meet in the norm at random: any other size would be 40% off
    np.testing.assert_allclose(np.linalg.norm(weight.detach().numpy()), np.linalg.norm(wanted), rtol=0.02)
    np.testing.assert_allclose(weight.detach().numpy(), wanted, rtol=0, atol=0.1 * np.abs(wanted).max())


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_coefficients_by_name(name):
    """Each set in NumPy, and what it is for: singular values come near 1."""
    rows = threes(COEFFICIENTS[name], 10 if name == "deepseekv4" else 5)
    gradient = torch.randn(12, 8, dtype=torch.float64)
    wanted = gradient.numpy() / np.linalg.norm(gradient)
    for row in rows:
        wanted = one_step(wanted, *row)
    weight = nn.Parameter(torch.zeros(12, 8, dtype=torch.float64))
    weight.grad = gradient
    options = {"nesterov": False, "momentum": 0.0, "weight_decay": 0, "ns_steps": len(rows)}
    thalweg.Muon([weight], lr=1.0, adjust_lr_fn="original", ns_coefficients=name, **options).step()
    made = -weight.detach().numpy() / 1.5**0.5
    # products in bfloat16, whose errors a step multiplies by up to 8.5
    np.testing.assert_allclose(made, wanted, rtol=0, atol=0.1)
    values = np.linalg.svd(wanted, compute_uv=False)
    assert 0.4 < values.min() <= values.max() < 1.6


def one_step(x, a, b, c):
    gram = x @ x.T
    return a * x + b * gram @ x + c * gram @ gram @ x


def test_three_numbers_for_each_step():
    rows = [(3.0, -3.0, 1.0), (2.0, -1.5, 0.5)]
    weights = [nn.Parameter(torch.zeros(4, 6)) for _ in range(2)]
    gradient = torch.randn(4, 6)
    for weight, given in zip(weights, (rows, [number for row in rows for number in row]), strict=True):
        weight.grad = gradient
        optimizer = thalweg.Muon([weight], ns_coefficients=given, ns_steps=3)
        optimizer.step()
        assert optimizer.ns_coefficients == (3.0, -3.0, 1.0, 2.0, -1.5, 0.5)
    assert torch.equal(*weights)


def test_convolutions_are_matrices_with_a_row_for_each_filter():
    kernel, flat = nn.Parameter(torch.randn(6, 3, 2, 2)), None
    flat = nn.Parameter(kernel.detach().flatten(1).clone())
    kernel.grad = torch.randn_like(kernel)
    flat.grad = kernel.grad.flatten(1)
    for param in (kernel, flat):
        thalweg.Muon([param], lr=0.1).step()
    assert torch.equal(kernel.flatten(1), flat)


def test_batch_dims_count_matrices():
    experts = nn.Parameter(torch.randn(4, 6, 3))
    each = [nn.Parameter(expert.clone()) for expert in experts.detach()]
    experts.grad = torch.randn_like(experts)
    for expert, grad in zip(each, experts.grad, strict=True):
        expert.grad = grad.clone()
    thalweg.Muon([experts], lr=0.1, batch_dims=1).step()
    thalweg.Muon(each, lr=0.1).step()
    # one stack of four either way
    assert torch.equal(experts.detach(), torch.stack([expert.detach() for expert in each]))


def test_updates_have_the_size_that_was_asked_for():
    weight = nn.Parameter(torch.zeros(64, 16))
    weight.grad = torch.randn(64, 16)
    thalweg.Muon([weight], lr=1.0, adjust_lr_fn="match_rms_adamw").step()
    # Liu et al. 2025: AdamW's updates have a root mean square of 0.2 to 0.4
    assert 0.1 < weight.detach().square().mean().sqrt() < 0.4


WRONG = [
    (torch.zeros(3), {}, ValueError, "Muon only supports 2D parameters, or more dimensions, but"),
    (torch.zeros(3, 3), {"batch_dims": 1}, ValueError, "or more dimensions beside the 1 of batch_dims, but"),
    (torch.zeros(3, 3, dtype=torch.complex64), {}, ValueError, "Muon does not support complex parameters, but"),
    (torch.zeros(3, 3), {"adjust_lr_fn": "arbitrary"}, ValueError, "adjust_lr_fn to be one of None, 'original'"),
    (torch.zeros(3, 3), {"ns_steps": 100}, ValueError, "Invalid ns_steps value: 100"),
    (
        torch.zeros(3, 3),
        {"ns_coefficients": (1, 2)},
        TypeError,
        "needs ns_coefficients to be three numbers, a list of threes, or one of 'simple'",
    ),
    (torch.zeros(3, 3), {"momentum": -1}, ValueError, "Invalid momentum value: -1"),
]


@pytest.mark.parametrize(("param", "options", "kind", "sentence"), WRONG, ids=lambda value: str(value)[:30])
def test_what_it_does_not_take(param, options, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)):
        thalweg.Muon([param], **options)


def test_a_sparse_gradient_changes_nothing():
    weight = nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.eye(3).to_sparse()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        thalweg.Muon([weight]).step()
    assert (weight == 1).all()


def test_it_learns_a_rotation():
    """A matrix that is to be orthogonal: whatever its directions' sizes, they come closer at the same speed."""
    torch.manual_seed(0)
    target, _ = torch.linalg.qr(torch.randn(16, 16))
    weight = nn.Parameter(torch.randn(16, 16) / 4)
    inputs = torch.randn(256, 16) * torch.logspace(0, -1.5, 16)
    optimizer = thalweg.Muon([weight], lr=0.05, weight_decay=0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    for _ in range(200):
        optimizer.zero_grad()
        (inputs @ (weight - target)).square().mean().backward()
        optimizer.step()
        schedule.step()
    assert (weight - target).abs().max() < 0.05


@pytest.mark.parametrize(("state_dtype", "most"), [("4bit", 0.52), ("8bit", 1.02), (torch.bfloat16, 2)])
def test_states_take_less_memory(state_dtype, most):
    weight = nn.Parameter(torch.randn(128, 64))
    optimizer = thalweg.Muon([weight], state_dtype=state_dtype)
    weight.grad = torch.randn_like(weight)
    optimizer.step()
    assert optimizer.memory().all.states <= most * weight.numel()
