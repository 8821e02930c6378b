"""TRAC: in plain floats, with SciPy's erfi, and beside somebody else's."""

import math

import pytest
import torch
from scipy.special import erfi
from torch import nn

import thalweg as optim

from .test_sharpness import STEPS, closure_of, slope, start

START = [1.0, -0.5, 0.7, 2.0]


def trac(w, lr, betas, s_init=1e-8, eps=1e-8):
    """Muppidi, Zhang & Yang 2024, algorithms 1 and 2, around gradient descent. https://arxiv.org/abs/2405.16642."""
    first, way, n = w, [0.0] * len(w), len(betas)
    sigma, v = [1e-8] * n, [0.0] * n
    for _ in range(STEPS):
        g = slope(w)
        h = math.fsum(a * b for a, b in zip(way, g, strict=True))
        way = [a - lr * b for a, b in zip(way, g, strict=True)]
        v = [b * b * a + h * h for a, b in zip(v, betas, strict=True)]
        sigma = [b * a - h for a, b in zip(sigma, betas, strict=True)]
        s = [erfi(a / (math.sqrt(2 * b) + eps)) for a, b in zip(sigma, v, strict=True)]
        scale = max(0.0, s_init / erfi(1 / math.sqrt(2)) * sum(s))
        w = [x + scale * a for x, a in zip(first, way, strict=True)]
        yield w


@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("options", [{}, {"s_init": 0.3, "eps": 1e-7}])
def test_the_papers_box(kind, options):
    params, betas = start(), (0.9, 0.999)
    optimizer = kind(params, lr=0.01)
    optim.TRAC(optimizer, betas, **options)
    for wanted in trac(START, 0.01, betas, **options):
        optimizer.step(closure_of(optimizer, params))
        # steps are differences of weights of about 1
        torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-10, atol=1e-13)


def test_the_same_as_others():
    kind = pytest.importorskip("pytorch_optimizer").TRAC
    ours, others = start(), start()
    # Where the scale is about 1, it does not matter that they divide by the scale and eps to find the way again.
    optimizer = optim.SGD(ours, lr=0.01)
    optim.TRAC(optimizer, s_init=0.3)
    other = kind(torch.optim.SGD(others, lr=0.01), s_prev=0.3)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, ours))
        closure_of(other, others)()
        other.step()
    # their scales are float32
    torch.testing.assert_close(torch.cat(ours), torch.cat(others), rtol=1e-5, atol=0)


def test_a_way_that_misleads_is_gone_back():
    param = nn.Parameter(torch.tensor([3.0, -2.0], dtype=torch.float64))
    optimizer = optim.SGD([param], lr=1e-2)
    tuner = optim.TRAC(optimizer, s_init=1e-3)
    for target, is_larger in ((1.0, True), (4.0, False)):
        before = tuner.scale
        for _ in range(100):
            optimizer.zero_grad()
            (param - target * torch.tensor([1.0, -0.5])).square().sum().backward()
            optimizer.step()
        assert (tuner.scale > before) is is_larger
    saved = tuner.state_dict()
    tuner.load_state_dict(saved)
    assert tuner.state_dict()["sums"] == saved["sums"]
