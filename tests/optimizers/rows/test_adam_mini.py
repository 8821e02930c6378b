"""Adam-mini against its paper's box, in plain floats; with a block for each element it is AdamW."""

import math

import pytest
import torch

import thalweg

from .matrices import compare, each, flat, mean


def adam_mini(w, *, is_matrix, blocks="rows", lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.0):
    """Zhang et al. 2025, algorithm 1: each element sees the mean of its block."""
    m, v, t = each(lambda x: 0 * x, w), each(lambda x: 0 * x, w), 0
    g = yield
    while True:
        t += 1
        m = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g)
        s = each(lambda x: x * x, g)
        if blocks == "tensor":
            whole = mean(flat(s))
            s = each(lambda x, whole=whole: whole, s)
        elif blocks == "rows" and is_matrix:
            s = [[mean(row)] * len(row) for row in s]
        v = each(lambda a, b: betas[1] * a + (1 - betas[1]) * b, v, s)
        step = each(lambda a, b, t=t: a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps), m, v)
        w = each(lambda x, y: x * (1 - lr * decay) - lr * y, w, step)
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (6,), (3, 300)])
@pytest.mark.parametrize("blocks", ["rows", "tensor", "elements"])
def test_the_papers_box(shape, blocks, engine):
    # The number of a whole tensor may be kept in float32.
    precision = 1e-6 if blocks == "tensor" else 1e-12
    optimizer = compare(
        thalweg.AdamMini, adam_mini, shape, {"blocks": blocks, "lr": 0.1, "weight_decay": 0.1}, engine,
        precision=precision, blocks=blocks, lr=0.1, decay=0.1,
    )  # fmt: skip
    name = {"rows": "row_sq" if len(shape) > 1 else "exp_avg_sq", "tensor": "tensor_sq"}.get(blocks, "exp_avg_sq")
    assert set(optimizer.state[optimizer.param_groups[0]["params"][0]]) == {"step", "exp_avg", name}


def test_its_memory():
    param = torch.nn.Parameter(torch.zeros(30, 20))
    assert thalweg.AdamMini([param]).memory().all.states == 4 * (600 + 30)
