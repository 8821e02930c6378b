"""LAMB and LARS against their papers' boxes, in plain floats over the whole parameter."""

import math

import pytest
import torch

import thalweg

STEPS = 6


def length(vector):
    return math.sqrt(math.fsum(x * x for x in vector))


def lamb(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=1e-2):
    """You et al. 2020, algorithm 2, for one layer."""
    m, v = [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(gradients, 1):
        m = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        v = [betas[1] * a + (1 - betas[1]) * b * b for a, b in zip(v, g, strict=True)]
        m_hat = [a / (1 - betas[0] ** t) for a in m]
        v_hat = [a / (1 - betas[1] ** t) for a in v]
        r = [a / (math.sqrt(b) + eps) for a, b in zip(m_hat, v_hat, strict=True)]
        u = [a + weight_decay * x for a, x in zip(r, w, strict=True)]
        trust = length(w) / length(u) if length(w) and length(u) else 1.0
        w = [x - lr * trust * a for x, a in zip(w, u, strict=True)]
    return w


def lars(w, gradients, lr=0.1, momentum=0.9, weight_decay=5e-4, trust_coefficient=1e-3):
    """You, Gitman & Ginsburg 2017, algorithm 1, for one layer."""
    v = [0.0] * len(w)
    for g in gradients:
        size, slope = trust_coefficient * length(w), length(g) + weight_decay * length(w)
        local = size / slope if size and slope else 1.0
        v = [momentum * a + lr * local * (b + weight_decay * x) for a, b, x in zip(v, g, w, strict=True)]
        w = [x - a for x, a in zip(w, v, strict=True)]
    return w


RULES = [(thalweg.LAMB, lamb), (thalweg.LARS, lars)]
OPTIONS = {
    thalweg.LAMB: [{}, {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-3}, {"weight_decay": 0}],
    thalweg.LARS: [{}, {"lr": 2.0, "momentum": 0, "trust_coefficient": 0.1}, {"weight_decay": 0}],
}
CASES = [(cls, rule, options) for cls, rule in RULES for options in OPTIONS[cls]]


@pytest.mark.parametrize(("cls", "rule", "options"), CASES)
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (1000,), ()])
def test_the_papers_box(cls, rule, options, engine, shape):
    param = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
    gradients = torch.randn(STEPS, *shape, dtype=torch.float64)
    wanted = rule(param.detach().flatten().tolist(), gradients.reshape(STEPS, -1).tolist(), **options)
    optimizer = cls([param], **options, engine=engine)
    for gradient in gradients:
        param.grad = gradient.clone()
        optimizer.step()
    # a step rounds some ten times
    torch.testing.assert_close(param.detach().flatten().tolist(), wanted, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("cls", "rule"), RULES)
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("zero", ["parameter", "gradient", "both"])
def test_what_has_no_length_takes_a_plain_step(cls, rule, engine, zero):
    start = torch.zeros(4) if zero != "gradient" else torch.ones(4)
    gradient = torch.zeros(4) if zero != "parameter" else torch.tensor([1.0, -2.0, 0.5, 0.0])
    param = torch.nn.Parameter(start.clone())
    param.grad = gradient.clone()
    cls([param], engine=engine).step()
    # one step in float32
    torch.testing.assert_close(param.tolist(), rule(start.tolist(), [gradient.tolist()]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("cls", "rule"), RULES)
def test_a_step_has_the_length_of_a_share_of_the_parameter(cls, rule):
    """Whatever the size of the gradient: that is what they are for."""
    moves = []
    for size in (1e-3, 1e3):
        param = torch.nn.Parameter(torch.full((10,), 2.0))
        param.grad = size * torch.arange(1.0, 11.0)
        cls([param], weight_decay=0).step()
        moves.append(param.detach().clone())
    torch.testing.assert_close(*moves)


@pytest.mark.parametrize(("cls", "rule"), RULES)
def test_parameters_do_not_know_each_other(cls, rule):
    torch.manual_seed(0)
    start, gradients = [torch.randn(5), torch.randn(300)], [torch.randn(5), torch.randn(300)]
    together = [torch.nn.Parameter(value.clone()) for value in start]
    optimizer = cls(together)
    for param, gradient in zip(together, gradients, strict=True):
        param.grad = gradient.clone()
    optimizer.step()
    assert "2 parameters" in optimizer.explain()
    for value, gradient, param in zip(start, gradients, together, strict=True):
        alone = torch.nn.Parameter(value.clone())
        alone.grad = gradient.clone()
        cls([alone]).step()
        assert torch.equal(alone, param)
