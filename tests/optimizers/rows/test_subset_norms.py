"""AdamSN against its authors' code, in plain floats: one number for each row, or for each column."""

import math

import pytest
import torch

import thalweg

from .matrices import columns, compare, each


def adam_sn(w, *, is_matrix, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, decay=0.0):
    """Nguyen & Nguyen 2025, AdamSN: each element sees the squares of its subset, added up."""
    m, v, t = each(lambda x: 0 * x, w), each(lambda x: 0 * x, w), 0
    g = yield
    while True:
        t += 1
        m = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g)
        v = each(lambda a, b: betas[1] * a + (1 - betas[1]) * b, v, subsets(g, is_matrix))
        rate = lr * math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
        w = each(lambda x, a, b, rate=rate: x - rate * a / (math.sqrt(b) + eps), w, m, v)
        w = each(lambda x: x - lr * decay * x, w)
        g = yield w


def subsets(g, is_matrix):
    """The sum of squares of the larger side's lines, at each of their elements."""
    s = each(lambda x: x * x, g)
    if not is_matrix:
        return s
    if len(s) >= len(s[0]):
        return [[math.fsum(row)] * len(row) for row in s]
    return [list(map(math.fsum, columns(s)))] * len(s)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("shape", "state"), [((7, 4), "row_sq"), ((3, 300), "column_sq"), ((6,), "exp_avg_sq")])
def test_the_authors_code(shape, state, engine):
    optimizer = compare(
        thalweg.AdamSN, adam_sn, shape, {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.1}, engine,
        lr=0.1, betas=(0.5, 0.75), eps=0.1, decay=0.1,
    )  # fmt: skip
    assert set(optimizer.state[optimizer.param_groups[0]["params"][0]]) == {"step", "exp_avg", state}


def test_its_memory():
    param = torch.nn.Parameter(torch.zeros(30, 20))
    assert thalweg.AdamSN([param]).memory().all.states == 4 * (600 + 30)
