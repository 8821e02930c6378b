"""Mechanic: in plain floats, beside its authors' package, and saved."""

import math

import pytest
import torch
from torch import nn

import thalweg as optim

from .test_sharpness import STEPS, closure_of, length, slope, start

START = [1.0, -0.5, 0.7, 2.0]


def mechanic(w, lr, betas, s_init=1e-8, s_decay=0.01, eps=1e-8):
    """Cutkosky, Defazio & Mehta 2023, algorithm 1, around gradient descent. https://arxiv.org/abs/2306.00144."""
    first, way, n = w, [0.0] * len(w), len(betas)
    s, m, v, r = [0.0] * n, [1e-6] * n, [0.0] * n, [0.0] * n
    for _ in range(STEPS):
        g = slope(w)
        drawn = [a + s_decay * sum(s) * length(g) * x / (length(w) + eps) for a, x in zip(g, w, strict=True)]
        h = math.fsum(a * b for a, b in zip(way, drawn, strict=True))
        way = [a - lr * b for a, b in zip(way, g, strict=True)]
        m = [max(b * a, abs(h)) for a, b in zip(m, betas, strict=True)]
        v = [b * b * a + h * h for a, b in zip(v, betas, strict=True)]
        r = [max(b * a - c * h, 0.0) for a, b, c in zip(r, betas, s, strict=True)]
        s = [(s_init / n * a + b) / (math.sqrt(c) + eps) for a, b, c in zip(m, r, v, strict=True)]
        w = [x + sum(s) * a for x, a in zip(first, way, strict=True)]
        yield w


@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("options", [{}, {"s_init": 0.1, "s_decay": 0.5}])
def test_the_papers_box(kind, options):
    params, betas = start(), (0.9, 0.999)
    optimizer = kind(params, lr=0.01)
    optim.Mechanic(optimizer, betas, **options)
    for wanted in mechanic(START, 0.01, betas, **options):
        optimizer.step(closure_of(optimizer, params))
        # steps are differences of weights of about 1
        torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-10, atol=1e-13)


def test_the_same_as_the_authors():
    mechanize = pytest.importorskip("mechanic_pytorch").mechanize
    ours, others = start(), start()
    optimizer = optim.SGD(ours, lr=0.01, momentum=0.9)
    optim.Mechanic(optimizer, s_init=0.1, s_decay=0.0)
    # they measure the decay where the optimizer has been, and not where the gradient was taken
    other = mechanize(torch.optim.SGD, s_init=0.1, s_decay=0.0, store_delta=True)(others, lr=0.01, momentum=0.9)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, ours))
        closure_of(other, others)()
        other.step()
    # their scales are float32, and so is the first, which 1e-6 over 1e-8 makes
    torch.testing.assert_close(torch.cat(ours), torch.cat(others), rtol=1e-6, atol=0)


def test_what_does_not_fit_is_refused_and_changes_nothing():
    params = start()
    optimizer = optim.SGD(params, lr=0.01)
    tuner = optim.Mechanic(optimizer, (0.9,), s_init=0.1)
    for _ in range(2):
        optimizer.step(closure_of(optimizer, params))
    saved = tuner.state_dict()
    scale = tuner.scale
    assert scale > 0
    for bad, said in (
        ({}, "Mechanic needs a state_dict of its own"),
        (saved | {"scales": [1.0, 2.0]}, "Mechanic needs scales to be 1 numbers, one for each beta"),
        (saved | {"ways": {0: torch.ones(3)}}, r"of the shape of parameter 0, which is \(2,\)"),
        (saved | {"ways": {}}, "Mechanic needs a start and a way for the same parameters"),
    ):
        with pytest.raises(ValueError, match=said):
            tuner.load_state_dict(bad)
    assert tuner.scale == scale
    with pytest.raises(ValueError, match=r"Mechanic needs each of betas in \[0, 1\], but got 2"):
        optim.Mechanic(optimizer, (2,))


def test_a_step_that_is_left_out_teaches_nothing():
    params = start()
    optimizer = optim.SGD(params, lr=0.01, skip_nonfinite=True)
    tuner = optim.Mechanic(optimizer)
    for param in params:
        param.grad = torch.full_like(param, math.nan)
    optimizer.step()
    assert all(map(torch.equal, params, start()))
    assert tuner.scale == 0


def test_it_finds_a_rate_from_one_that_is_far_too_small():
    param = nn.Parameter(torch.tensor([3.0, -2.0], dtype=torch.float64))
    optimizer = optim.SGD([param], lr=1e-3)
    optim.Mechanic(optimizer)
    for _ in range(300):
        optimizer.zero_grad()
        param.square().sum().backward()
        optimizer.step()
    assert float(param.detach().norm()) < 0.5
