"""Gravity, in plain floats, and as its authors' code has it."""

import pytest
import torch

import thalweg
from tests.papers.noisy import normal

from .matrices import compare, each, flat


def gravity(w, *, is_matrix, lr=0.1, alpha=0.01, beta=0.9):
    """Bahrami & Pouriyan Zadeh 2021, with `iterations` from 0, as in the authors' code for Keras."""
    width = len(w[0])
    start = [[normal(row * width + column, 1) for column in range(width)] for row in range(len(w))]
    v = each(lambda x: alpha / lr * x if lr else 0.0, start)
    t = 0
    g = yield
    while True:
        beta_hat = (beta * t + 1) / (t + 2)
        max_step_grad = 1 / max(map(abs, flat(g)))
        term = each(lambda a, most=max_step_grad: a / (1 + (a / most) ** 2), g)
        v = each(lambda a, b, share=beta_hat: share * a + (1 - share) * b, v, term)
        w = each(lambda x, a: x - lr * a, w, v)
        t += 1
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", [{}, {"lr": 1.0, "alpha": 0.5, "beta": 0.5}, {"lr": 0.0}], ids=str)
@pytest.mark.parametrize("shape", [(4, 5), (6,)])
def test_the_authors_code(shape, options, engine):
    compare(thalweg.Gravity, gravity, shape, options, engine, **options)


def test_a_parameter_without_gradients_rolls_on():
    """The authors' code divides by the largest gradient, even where it is zero."""
    param = torch.zeros(3)
    optimizer = thalweg.Gravity([param])
    param.grad = torch.zeros(3)
    optimizer.step()
    assert torch.isfinite(param).all()
    assert (param != 0).all()
