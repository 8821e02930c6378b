"""StableSPAM, in plain floats and beside another implementation."""

import math

import pytest
import torch

import thalweg

from .matrices import compare, each, flat


def stable_spam(
    w,
    *,
    is_matrix,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    gammas=(0.7, 0.9),
    theta=0.999,
    interval=10,
):
    """Huang et al. 2025, algorithm 1; the count of Adam's corrections starts anew with its moments."""
    m, v = each(lambda x: 0.0, w), each(lambda x: 0.0, w)
    peak, norm, square, t, since = 0.0, 0.0, 0.0, 0, 0
    g = yield
    while True:
        t, since = t + 1, since + 1
        if t % interval == 0:
            m, v, since = each(lambda x: 0.0, w), each(lambda x: 0.0, w), 1
        largest = max(map(abs, flat(g)))
        peak = theta * peak + (1 - theta) * largest
        limit = peak / (1 - theta**t)
        g = each(lambda a, limit=limit, largest=largest: a / largest * limit if abs(a) > limit else a, g)
        size = math.sqrt(math.fsum(a * a for a in flat(g)))
        norm, square = gammas[0] * norm + (1 - gammas[0]) * size, gammas[1] * square + (1 - gammas[1]) * size**2
        wanted = norm / (1 - gammas[0] ** t) / (math.sqrt(square / (1 - gammas[1] ** t)) + eps)
        g = each(lambda a, factor=wanted / size: a * factor, g)
        m = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g)
        v = each(lambda a, b: betas[1] * a + (1 - betas[1]) * b * b, v, g)
        one, two = 1 - betas[0] ** since, 1 - betas[1] ** since
        steps = each(lambda a, b, one=one, two=two: a / one / (math.sqrt(b / two) + eps), m, v)
        w = each(lambda x, a: x * (1 - lr * weight_decay) - lr * a, w, steps)
        g = yield w


OPTIONS = {"lr": 0.1, "weight_decay": 0.1, "theta": 0.5, "interval": 3}


def spiked(step, param, gradient):
    """Make one element a spike, of another size in each step."""
    gradient.view(-1)[step] *= 10.0**step
    return gradient


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 5), (6,)])
def test_the_box(shape, engine):
    compare(thalweg.StableSPAM, stable_spam, shape, OPTIONS, engine, spiked, **OPTIONS)


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_same_as_pytorch_optimizer():
    theirs = pytest.importorskip("pytorch_optimizer").StableSPAM
    ours = torch.nn.Parameter(torch.randn(4, 5, dtype=torch.float64))
    others = torch.nn.Parameter(ours.detach().clone())
    renamed = {"lr": 0.1, "weight_decay": 0.1, "theta": 0.5, "update_proj_gap": 3}
    pair = thalweg.StableSPAM([ours], **OPTIONS), theirs([others], **renamed)
    for step in range(7):
        ours.grad = spiked(step, None, torch.randn_like(ours))
        others.grad = ours.grad.clone()
        for optimizer in pair:
            optimizer.step()
    # seven steps of some thirty roundings
    torch.testing.assert_close(ours, others, rtol=1e-12, atol=1e-13)


def test_a_gradient_of_zeros_steadies_nothing():
    param = torch.nn.Parameter(torch.ones(3))
    optimizer = thalweg.StableSPAM([param])
    param.grad = torch.zeros(3)
    optimizer.step()
    assert torch.equal(param.detach(), torch.ones(3))
