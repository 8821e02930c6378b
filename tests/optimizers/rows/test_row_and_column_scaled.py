"""RACS against its paper's box, in plain floats."""

import math

import pytest
import torch

import thalweg

from .matrices import columns, compare, each, flat, square


def racs(w, *, is_matrix, lr=0.02, beta=0.9, alpha=0.05, gamma=1.01, iterations=5, weight_decay=0.0):
    """Gong et al. 2025, RACS: q and s by a fixed point. https://arxiv.org/abs/2502.07752."""
    q_mean, s_mean, phi = [0.0] * len(w), [0.0] * len(w[0]), None
    g = yield
    while True:
        v, q = square(g), [1.0] * len(w)
        for _ in range(iterations):
            s = [dot / math.fsum(x * x for x in q) for dot in weighted(columns(v), q)]
            q = [dot / math.fsum(x * x for x in s) for dot in weighted(v, s)]
        q_mean = [beta * a + (1 - beta) * b for a, b in zip(q_mean, q, strict=True)]
        s_mean = [beta * a + (1 - beta) * b for a, b in zip(s_mean, s, strict=True)]
        u = [[x / math.sqrt(a * b) for x, b in zip(row, s_mean, strict=True)] for row, a in zip(g, q_mean, strict=True)]
        norm = math.sqrt(math.fsum(x * x for x in flat(u)))
        eta = 1.0 if phi is None else gamma / max(norm / phi, gamma)
        phi = eta * norm
        w = each(lambda x, y, eta=eta: x * (1 - lr * weight_decay) - lr * alpha * eta * y, w, u)
        g = yield w


def weighted(matrix, weights):
    return [math.fsum(x * y for x, y in zip(row, weights, strict=True)) for row in matrix]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", [{}, {"iterations": 2, "beta": 0.5, "gamma": 1.2, "weight_decay": 0.1}])
def test_the_papers_box(engine, options):
    compare(thalweg.RACS, racs, (4, 7), options, engine, **options)


def test_its_memory_is_a_number_for_each_row_and_column():
    param = torch.nn.Parameter(torch.ones(40, 30))
    optimizer = thalweg.RACS([param], engine="eager")
    param.grad = torch.zeros(40, 30)
    optimizer.step()
    assert torch.equal(param.detach(), torch.ones(40, 30))
    assert sum(state.numel() for state in optimizer.state[param].values() if isinstance(state, torch.Tensor)) <= 72
