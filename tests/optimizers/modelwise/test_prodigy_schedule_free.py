"""Prodigy joined to Schedule-Free, against plain floats and its author's package."""

import math

import pytest
import torch
from torch import nn

import thalweg

STEPS = 30


def by_floats(start, slope_of, lr=1.0, betas=(0.9, 0.99), eps=1e-8, d=1e-6, d_coef=1.0, weight_decay=0.0, limited=True):
    """The box of the package, for one parameter: prodigy-plus-schedule-free 2.0."""
    y, z, v, s = list(start), list(start), [0.0] * len(start), [0.0] * len(start)
    d0, numerator, weights, b3 = d, 0.0, 0.0, math.sqrt(betas[1])
    for _ in range(STEPS):
        g = slope_of(y)
        v = [betas[1] * a + (1 - betas[1]) * d * d * b * b for a, b in zip(v, g, strict=True)]
        u = [d * a / (math.sqrt(b) + d * eps) for a, b in zip(g, v, strict=True)]
        rms = math.sqrt(math.fsum(a * a for a in u) / len(u))
        u = [a / math.sqrt(max(rms, 1.0)) for a in u]
        factor = d * d / math.sqrt(d0)
        progress = factor * math.fsum(a * (b - c) for a, b, c in zip(g, start, z, strict=True))
        s = [b3 * a + factor * b for a, b in zip(s, g, strict=True)]
        rate = d * lr
        weights += rate**2
        share = rate**2 / weights
        u = [a + weight_decay * b for a, b in zip(u, y, strict=True)]
        y = [a + share * (b - a) for a, b in zip(y, z, strict=True)]
        z = [a - rate * b for a, b in zip(z, u, strict=True)]
        y = [a - rate * (1 - betas[0] * (1 - share)) * b for a, b in zip(y, u, strict=True)]
        numerator = b3 * numerator + (progress if d > d0 or progress > 0 else 0.0)
        d_hat = numerator / math.fsum(map(abs, s))
        d = max(d, d_coef * (min(d * 2**0.25, d_hat) if limited else d_hat))
    return y, [a + (1 - 1 / betas[0]) * (b - a) for a, b in zip(y, z, strict=True)], d


def trained(param, **options):
    optimizer = thalweg.ProdigyScheduleFree([param], **options)
    for _ in range(STEPS):
        param.grad = param.detach() - 2
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1, "lr": 0.5}, {"betas": (0.5, 0.75), "d_coef": 2.0, "d0": 1e-4}], ids=str
)
def test_the_box(options, engine):
    start = [0.5, -1.0, 3.0, 0.25]
    param = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = trained(param, engine=engine, **options)
    y, x, d = by_floats(start, lambda w: [a - 2 for a in w], **{"d": options.pop("d0", 1e-6)} | options)
    torch.testing.assert_close(param.tolist(), y, rtol=1e-9, atol=1e-12)
    assert optimizer.param_groups[0]["d"] == pytest.approx(d, rel=1e-9)
    assert d > 10 * 1e-6
    optimizer.eval()
    torch.testing.assert_close(param.tolist(), x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("limited", [True, False])
def test_the_authors_package(monkeypatch, limited):
    theirs = pytest.importorskip("prodigyplus").ProdigyPlusScheduleFree
    monkeypatch.setattr(theirs, "get_sliced_tensor", lambda self, tensor, slice_p=1: tensor.ravel())
    pair = [nn.Parameter(torch.tensor([0.5, -1.0, 3.0, 0.25])) for _ in range(2)]
    other = theirs([pair[1]], factored=False, d_limiter=limited, weight_decay=0.1)
    other.train()
    for _ in range(STEPS):
        pair[1].grad = pair[1].detach() - 2
        other.step()
    ours = trained(pair[0], d_limiter=limited, weight_decay=0.1)
    # thirty steps in float32, and an estimate that feeds on itself
    torch.testing.assert_close(pair[0].detach(), pair[1].detach(), rtol=1e-4, atol=1e-5)
    for optimizer in (ours, other):
        optimizer.eval()
    torch.testing.assert_close(pair[0].detach(), pair[1].detach(), rtol=1e-4, atol=1e-5)


def test_no_gradient_teaches_nothing():
    param = nn.Parameter(torch.ones(3))
    optimizer = thalweg.ProdigyScheduleFree([param])
    param.grad = torch.zeros(3)
    optimizer.step()
    assert torch.equal(param, torch.ones(3))
    assert optimizer.param_groups[0]["d"] == pytest.approx(1e-6)
