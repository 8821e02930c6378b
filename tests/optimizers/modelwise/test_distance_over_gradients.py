"""DoG and DoWG beside plain floats: several parameters, one rate."""

import copy
import math

import pytest
import torch
from torch import nn

import thalweg

SHAPES = [(5,), (3, 4), (300,), ()]
STEPS = 12


def length(vector):
    return math.sqrt(math.fsum(x * x for x in vector))


def less(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def dog(x, slopes, reps_rel=1e-6, eps=1e-8, lr=1.0):
    """Ivgi, Hinder & Carmon 2023, equation 1."""
    start, far, squares = x, reps_rel * (1 + length(x)), 0.0
    for g in slopes:
        far, squares = max(far, length(less(x, start))), squares + length(g) ** 2
        x = less(x, [lr * far / math.sqrt(squares + eps) * a for a in g])
    return x


def dowg(x, slopes, reps=1e-2, eps=1e-8, lr=1.0):
    """Khaled, Mishchenko & Jin 2023, algorithm 1."""
    start, far, squares = x, reps, 0.0
    for g in slopes:
        far = max(far, length(less(x, start)))
        squares += far**2 * length(g) ** 2
        x = less(x, [lr * far**2 / (math.sqrt(squares) + eps) * a for a in g])
    return x


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator)) for shape in SHAPES]


def gradients(step):
    generator = torch.Generator().manual_seed(step)
    return [1 + torch.randn(shape, dtype=torch.float64, generator=generator) for shape in SHAPES]


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).tolist()


def walk(optimizer, params, steps):
    for step in steps:
        for param, gradient in zip(params, gradients(step), strict=True):
            param.grad = gradient
        optimizer.step()


CASES = [("DoG", dog, {}), ("DoG", dog, {"reps_rel": 0.1, "eps": 1.0, "lr": 0.5}), ("DoWG", dowg, {"reps": 0.3})]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_plain_floats(name, rule, options, engine):
    params = parameters()
    wanted = rule(flat(params), [flat(gradients(step)) for step in range(STEPS)], **options)
    groups = [{"params": params[:2]}, {"params": params[2:]}]
    walk(getattr(thalweg, name)(groups, **options, engine=engine), params, range(STEPS))
    # sums are taken in another order, and the rate feeds on itself
    torch.testing.assert_close(flat(params), wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["DoG", "DoWG"])
def test_a_checkpoint_keeps_the_distance(name):
    params, others = parameters(), parameters()
    optimizer, resumed = getattr(thalweg, name)(params), getattr(thalweg, name)(others)
    walk(optimizer, params, range(4))
    with torch.no_grad():
        for other, param in zip(others, params, strict=True):
            other.copy_(param)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    walk(optimizer, params, range(4, 8))
    walk(resumed, others, range(4, 8))
    assert all(map(torch.equal, params, others))


def test_groups_that_come_late_share_what_is_known():
    params = parameters()
    optimizer = thalweg.DoG(params[:3], reps_rel=0.1)
    optimizer.add_param_group({"params": params[3:]})
    assert optimizer.param_groups[0]["distance"] == pytest.approx(0.1 * (1 + length(flat(params))), rel=1e-14)
    walk(optimizer, params, range(3))
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(3))]})
    assert len({group["distance"] for group in optimizer.param_groups}) == 1
