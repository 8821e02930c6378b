"""CAME against its paper's box, in plain floats."""

import math

import pytest
import torch

import thalweg

from .matrices import columns, compare, each, mean, rms, square


def came(w, *, is_matrix, lr=2e-4, betas=(0.9, 0.999, 0.9999), eps=(1e-30, 1e-16), d=1.0, decay=0.0):
    """Luo et al. 2023, algorithm 2, its sums divided by how many numbers they are of."""
    kept = [[0.0] * len(w), [0.0] * len(w[0]), [0.0] * len(w), [0.0] * len(w[0])]
    m, v = each(lambda x: 0 * x, w), each(lambda x: 0 * x, w)

    def factored(place, of, beta):
        for at, lines in ((place, of), (place + 1, columns(of))):
            kept[at] = [beta * old + (1 - beta) * mean(line) for old, line in zip(kept[at], lines, strict=True)]
        rows = mean(kept[place])
        return [[math.sqrt(a * b / rows) for b in kept[place + 1]] for a in kept[place]]

    g = yield
    while True:
        if is_matrix:
            root = factored(0, square(g, eps[0]), betas[1])
        else:
            v = each(lambda old, new: betas[1] * old + (1 - betas[1]) * new, v, square(g, eps[0]))
            root = each(math.sqrt, v)
        u = each(lambda x, y: x / y, g, root)
        most = max(1.0, rms(u) / d)
        u = each(lambda x, most=most: x / most, u)
        m = each(lambda old, new: betas[0] * old + (1 - betas[0]) * new, m, u)
        step = m
        if is_matrix:
            strays = square(each(lambda x, y: x - y, u, m), eps[1])
            step = each(lambda x, y: x / y, m, factored(2, strays, betas[2]))
        w = each(lambda x, y: x * (1 - lr * decay) - lr * y, w, step)
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (1, 3), (6,), (8, 260)])
def test_the_papers_box(shape, engine):
    compare(thalweg.CAME, came, shape, {}, engine)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_its_options(engine):
    options = {"lr": 0.3, "betas": (0.5, 0.6, 0.7), "eps": (1e-3, 1e-2), "d": 1.5}
    compare(thalweg.CAME, came, (5, 6), options | {"weight_decay": 0.1}, engine, decay=0.1, **options)


def test_its_memory():
    """A mean of the parameter's size, and twice the numbers of rows and columns."""
    optimizer = thalweg.CAME([torch.nn.Parameter(torch.zeros(30, 20))])
    assert optimizer.memory().all.states == 4 * (600 + 2 * (30 + 20))
