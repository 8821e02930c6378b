"""SM3 against its paper's box, in plain floats, and Adagrad where nothing is covered."""

import math

import pytest
import torch

import thalweg

from .matrices import columns, compare, each


def sm3(w, *, is_matrix, lr=0.1, beta=0.0, momentum=0.0, eps=1e-30):
    """Anil et al. 2019, algorithm SM3-II, with the means that others take of it."""
    rows, cover, m = [0.0] * len(w), [0.0] * len(w[0]), each(lambda x: 0 * x, w)
    own = each(lambda x: 0 * x, w)
    g = yield
    while True:
        old = [[min(a, b) for b in cover] for a in rows] if is_matrix else own
        nu = each(lambda o, x: beta * o + (1 - beta) * x * x if beta else o + x * x, old, g)
        known = (rows, cover, own)
        rows, cover, own = list(map(max, nu)), list(map(max, columns(nu))), nu
        if beta:
            rows, cover = list(map(max, rows, known[0])), list(map(max, cover, known[1]))
            own = each(max, own, known[2])
        step = each(lambda x, y: x / math.sqrt(y + eps), g, nu)
        m = each(lambda a, b: momentum * a + (1 - momentum) * b, m, step)
        w = each(lambda x, y: x - lr * y, w, m)
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (1, 3), (6,), (8, 260)])
@pytest.mark.parametrize("options", [{}, {"lr": 0.5, "beta": 0.75, "momentum": 0.5, "eps": 1e-3}], ids=str)
def test_the_papers_box(shape, options, engine):
    compare(thalweg.SM3, sm3, shape, options, engine, **options)


def test_more_dimensions_are_covered_as_a_matrix():
    start, gradient = torch.randn(4, 3, 2), torch.randn(4, 3, 2)
    found = []
    for shape in [(4, 3, 2), (4, 6)]:
        param = torch.nn.Parameter(start.reshape(shape).clone())
        param.grad = gradient.reshape(shape)
        optimizer = thalweg.SM3([param])
        optimizer.step()
        found.append(param.detach().reshape(-1))
    assert torch.equal(*found)
    assert optimizer.memory().all.states == 4 * (4 + 6)


def test_a_row_that_no_gradient_reaches_stays():
    param = torch.nn.Parameter(torch.ones(3, 4))
    param.grad = torch.tensor([[1.0] * 4, [0.0] * 4, [2.0] * 4])
    thalweg.SM3([param], lr=0.5).step()
    torch.testing.assert_close(param.detach(), torch.tensor([[0.5] * 4, [1.0] * 4, [0.5] * 4]))
