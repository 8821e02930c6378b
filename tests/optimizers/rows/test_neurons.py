"""Nero, in plain floats and beside another implementation."""

import math

import pytest
import torch

import thalweg

from .matrices import compare, mean


def constrained(rows):
    centred = [[a - mean(row) for a in row] for row in rows]
    return [[a / math.sqrt(math.fsum(b * b for b in row)) for a in row] for row in centred]


def norm_of_row(row):
    return math.sqrt(math.fsum(a * a for a in row))


def nero(w, *, is_matrix, lr=1e-2, beta=0.999, constraints=True):
    """Liu et al. 2021, algorithm 1: a matrix by rows, a vector by elements."""
    w = w if is_matrix else [[a] for a in w[0]]
    w = constrained(w) if constraints and is_matrix else w
    scale = mean(map(norm_of_row, w)) or 0.01
    squares, t, g = [0.0] * len(w), 0, (yield)
    while True:
        t += 1
        g = g if is_matrix else [[a] for a in g[0]]
        squares = [beta * v + (1 - beta) * norm_of_row(row) ** 2 for v, row in zip(squares, g, strict=True)]
        usual = [math.sqrt(v / (1 - beta**t)) for v in squares]
        w = [
            [a - lr * scale * (b / size if size else 0.0) for a, b in zip(row, slopes, strict=True)]
            for row, slopes, size in zip(w, g, usual, strict=True)
        ]
        w = constrained(w) if constraints and is_matrix else w
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 5), (6,)])
@pytest.mark.parametrize("constraints", [True, False])
def test_the_box(shape, constraints, engine):
    options = {"lr": 0.1, "beta": 0.9, "constraints": constraints}
    compare(thalweg.Nero, nero, shape, options, engine, **options)


def test_zeros_have_a_scale_and_neurons_without_gradients_rest():
    bias, weight = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.eye(2) - 0.5)
    optimizer = thalweg.Nero([bias, weight], lr=0.1)
    bias.grad, weight.grad = torch.tensor([3.0, 0.0]), torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    optimizer.step()
    torch.testing.assert_close(bias.detach(), torch.tensor([-0.1 * 0.01, 0.0]))
    torch.testing.assert_close(weight[1].detach(), torch.tensor([-0.5, 0.5]) * math.sqrt(2))


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_same_as_pytorch_optimizer():
    theirs = pytest.importorskip("pytorch_optimizer").Nero
    ours, others = ([torch.nn.Parameter(torch.randn(*s, dtype=torch.float64)) for s in ((4, 5), (3,))] for _ in "ab")
    for one, other in zip(ours, others, strict=True):
        other.data.copy_(one.data)
    pair = thalweg.Nero(ours), theirs(others, eps=0.0)
    for _ in range(5):
        for one, other in zip(ours, others, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        for optimizer in pair:
            optimizer.step()
    # five steps of some twenty roundings
    torch.testing.assert_close(ours, others, rtol=1e-13, atol=1e-14)
