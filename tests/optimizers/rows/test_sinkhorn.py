"""SinkGD against its paper's box, in plain floats."""

import math

import pytest
import torch

import thalweg

from .matrices import columns, compare, dot, each


def sinkhorn(w, *, is_matrix, lr=1e-3, scale=0.05, iterations=5, decay=0.0):
    """Scetbon et al. 2025, algorithm 3: rows of norm root n, then columns of norm root m."""
    g = yield
    while True:
        x = g
        for _ in range(iterations):
            for _ in range(2):
                wanted = math.sqrt(len(x[0]))
                x = columns([[number * wanted / math.sqrt(dot(row, row)) for number in row] for row in x])
        w = each(lambda a, b: a * (1 - lr * decay) - lr * scale * b, w, x)
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (3, 1), (8, 260)])
def test_the_papers_box(shape, engine):
    options = {} if engine == "eager" else {"iterations": 2}
    assert not compare(thalweg.SinkGD, sinkhorn, shape, options, engine, **options).state


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_its_options(engine):
    options = {"lr": 0.5, "scale": 0.3, "iterations": 2}
    compare(thalweg.SinkGD, sinkhorn, (5, 6), options | {"weight_decay": 0.1}, engine, decay=0.1, **options)


def averaged(w, *, is_matrix, momentum, nesterov, **options):
    """The same, of a mean of gradients."""
    rule, m = sinkhorn(w, is_matrix=is_matrix, **options), each(lambda a: 0.0, w)
    next(rule)
    g = yield
    while True:
        m = each(lambda a, b: momentum * a + (1 - momentum) * b, m, g)
        g = yield rule.send(each(lambda a, b: momentum * a + (1 - momentum) * b, m, g) if nesterov else m)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_a_momentum(engine, nesterov):
    options = {"iterations": 2, "momentum": 0.8, "nesterov": nesterov}
    optimizer = compare(thalweg.SinkGD, averaged, (4, 7), options, engine, **options)
    assert all(set(state) == {"momentum_buffer"} for state in optimizer.state.values())


def test_more_iterations_are_another_formula():
    param = torch.nn.Parameter(torch.zeros(3, 4))
    optimizer = thalweg.SinkGD([param], lr=1.0, scale=1.0, iterations=1, engine="eager")
    param.grad = torch.randn(3, 4)
    optimizer.step()
    first = param.detach().clone()
    param.data.zero_()
    optimizer.param_groups[0]["iterations"] = 50
    optimizer.step()
    assert not torch.equal(first, param)
    # Both norms are what they should be, once the iteration has come to rest.
    torch.testing.assert_close(param.detach().square().sum(1), torch.full((3,), 4.0))
    torch.testing.assert_close(param.detach().square().sum(0), torch.full((4,), 3.0))


def test_zeros_stay_and_what_is_no_matrix_is_refused():
    param = torch.nn.Parameter(torch.ones(3, 4))
    param.grad = torch.zeros(3, 4)
    thalweg.SinkGD([param], iterations=2).step()
    assert torch.equal(param.detach(), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"SinkGD is for matrices, but parameter 'b' has shape \(5,\): pass it to"):
        thalweg.SinkGD([("b", torch.nn.Parameter(torch.ones(5)))])
