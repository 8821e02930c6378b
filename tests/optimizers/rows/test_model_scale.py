"""Amos, in plain floats and beside another implementation."""

import math

import pytest
import torch

import thalweg

from .matrices import compare, flat, mean


def amos(w, *, is_matrix, lr=1e-3, beta=0.999, momentum=0.0, eta=None, zeta=0.25, blocks="rows"):
    """Tian & Parikh 2022, algorithm 1: v and b shared by a row, or by all."""
    by_rows = is_matrix and blocks == "rows"
    if eta is None:
        eta = 1 / math.sqrt(len(w[0])) if is_matrix else 0.5
    v, b, kept, t = [0.0] * len(w), [0.0] * len(w), [[0.0] * len(row) for row in w], 0
    g = yield
    while True:
        t += 1
        squares = [mean(a * a for a in (row if by_rows else flat(g))) for row in g]
        v = [beta * a + (1 - beta) * s for a, s in zip(v, squares, strict=True)]
        new = []
        for row, slopes, v_i, b_i, s, old in zip(w, g, v, b, squares, kept, strict=True):
            c, d = 1 / math.sqrt(1 + zeta * math.sqrt(lr) * b_i), 1 / (1 + zeta * math.sqrt(lr * eta) * b_i)
            v_hat = v_i / (1 - beta**t)
            gamma = c * lr**2 * s / v_hat
            delta = [d * (lr * eta * a / math.sqrt(v_hat) + gamma * x / 2) for a, x in zip(slopes, row, strict=True)]
            delta = [momentum * m + (1 - momentum) * a for m, a in zip(old, delta, strict=True)]
            new.append((delta, [x - a for x, a in zip(row, delta, strict=True)], b_i + gamma * (1 + b_i)))
        kept, w, b = map(list, zip(*new, strict=True))
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 5), (6,)])
@pytest.mark.parametrize(
    "options",
    [{"lr": 0.3, "beta": 0.9}, {"lr": 0.1, "momentum": 0.9, "eta": 2.0, "zeta": 3.0}, {"lr": 0.3, "blocks": "tensor"}],
)
def test_the_box(shape, options, engine):
    compare(thalweg.Amos, amos, shape, options, engine, **options)


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize(("shape", "eta"), [((5, 7), math.sqrt(2 / 7)), ((4, 3, 2), math.sqrt(1 / 3)), ((6,), 0.5)])
def test_the_same_as_pytorch_optimizer(shape, eta):
    theirs = pytest.importorskip("pytorch_optimizer").Amos
    ours = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
    others = torch.nn.Parameter(ours.detach().clone())
    pair = thalweg.Amos([ours], lr=0.1, momentum=0.9, eta=eta, blocks="tensor"), theirs([others], lr=0.1, momentum=0.9)
    for _ in range(5):
        ours.grad = torch.randn_like(ours)
        others.grad = ours.grad.clone()
        for optimizer in pair:
            optimizer.step()
    # theirs adds an eps of 1e-18 to the mean square, and takes numbers of a parameter in torch's default dtype
    torch.testing.assert_close(ours, others, rtol=1e-12, atol=1e-13)
