"""AdamP and SGDP against their paper's boxes, in plain floats, on gradients of all sorts of angles."""

import math

import pytest
import torch

import thalweg

from .matrices import compare, dot, each, flat


def projected(w, g, step, is_matrix, delta, wd_ratio, eps, cautious=False):
    """Heo et al. 2021, equations 4 and 5: by channels where all stand at a right angle, else as a whole."""
    for lines in (lambda x: x, lambda x: [flat(x)]) if is_matrix else ():
        pairs = list(zip(lines(w), lines(g), strict=True))
        cosines = [abs(dot(a, b)) / (math.sqrt(dot(a, a)) * math.sqrt(dot(b, b))) for a, b in pairs]
        if max(cosines) < delta / math.sqrt(len(pairs[0][0])):
            units = [[x / (math.sqrt(dot(a, a)) + eps) for x in a] for a, _ in pairs]
            step = on_sphere(units, lines(step))
            if cautious:
                step = on_sphere(units, masked(step, on_sphere(units, lines(g))))
            return step, wd_ratio
    return masked(step, g) if cautious else step, 1.0


def on_sphere(units, step):
    parts = [[dot(n, p) * x for x in n] for n, p in zip(units, step, strict=True)]
    return each(lambda x, y: x - y, step, parts)


def masked(step, g):
    """As in timm: what goes against the gradient is left out, and the rest is longer by what is left out."""
    agrees = each(lambda x, y: float(x * y > 0), step, g)
    share = max(math.fsum(flat(agrees)) / len(flat(agrees)), 1e-3)
    return each(lambda x, y: x * y / share, step, agrees)


def rebuilt(lines, like):
    numbers = iter(flat(lines))
    return [[next(numbers) for _ in row] for row in like]


def adamp(
    w,
    *,
    is_matrix,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    decay=0.0,
    delta=0.1,
    wd_ratio=0.1,
    nesterov=False,
    cautious=False,
):
    """Algorithm 2."""
    m, v, t = each(lambda x: 0 * x, w), each(lambda x: 0 * x, w), 0
    g = yield
    while True:
        t += 1
        m = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g)
        v = each(lambda a, b: betas[1] * a + (1 - betas[1]) * b * b, v, g)
        ahead = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g) if nesterov else m
        step = each(lambda a, b, t=t: a / (math.sqrt(b / (1 - betas[1] ** t)) + eps), ahead, v)
        step, share = projected(w, g, step, is_matrix, delta, wd_ratio, eps, cautious)
        size, shrink = lr / (1 - betas[0] ** t), 1 - lr * decay * share
        w = each(lambda x, y, size=size, shrink=shrink: x * shrink - size * y, w, rebuilt(step, w))
        g = yield w


def sgdp(
    w,
    *,
    is_matrix,
    lr=0.1,
    momentum=0.0,
    dampening=0.0,
    decay=0.0,
    delta=0.1,
    wd_ratio=0.1,
    nesterov=False,
    cautious=False,
):
    """Algorithm 1, with decay as in the authors' code."""
    m = each(lambda x: 0 * x, w)
    g = yield
    while True:
        m = each(lambda a, b: momentum * a + (1 - dampening) * b, m, g)
        step = each(lambda a, b: b + momentum * a, m, g) if nesterov else m
        step, share = projected(w, g, step, is_matrix, delta, wd_ratio, 1e-8, cautious)
        shrink = 1 - lr * decay * share / (1 - momentum)
        w = each(lambda x, y, shrink=shrink: x * shrink - lr * y, w, rebuilt(step, w))
        g = yield w


def turning(step, param, gradient):
    """At right angles to each row, to the whole, or to nothing, in turn."""
    rows, lines = param.reshape(len(param), -1), gradient.reshape(len(param), -1)
    if step % 3 == 0:
        lines = lines - rows * (rows * lines).sum(1, keepdim=True) / rows.square().sum(1, keepdim=True)
    if step % 3 == 1:
        lines = lines - rows * (rows * lines).sum() / rows.square().sum()
    return lines.reshape(param.shape)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (6,), (3, 300)])
@pytest.mark.parametrize(("cls", "rule"), [(thalweg.AdamP, adamp), (thalweg.SGDP, sgdp)])
@pytest.mark.parametrize(("nesterov", "cautious"), [(False, False), (True, False), (True, True)])
def test_the_papers_boxes(cls, rule, shape, nesterov, cautious, engine):
    options = {"weight_decay": 0.5, "nesterov": nesterov, "wd_ratio": 0.25, "cautious_on_sphere": cautious}
    more = {"momentum": 0.75, "lr": 0.05} if cls is thalweg.SGDP else {"betas": (0.5, 0.75), "lr": 0.05}
    compare(
        cls,
        rule,
        shape,
        options | more,
        engine,
        turning,
        decay=0.5,
        nesterov=nesterov,
        cautious=cautious,
        wd_ratio=0.25,
        **more,
    )


def test_by_rows_differs_from_by_the_whole():
    """A gradient at right angles to each row loses each row's part; one to the whole, another."""
    param = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    found = []
    for gradient in ([[0.0, 1.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, -1.0]], [[1.0, 1.0], [1.0, 1.0]]):
        weights = torch.nn.Parameter(param.clone())
        weights.grad = torch.tensor(gradient)
        optimizer = thalweg.SGDP([weights], lr=1.0, weight_decay=0.5, wd_ratio=0.0)
        optimizer.step()
        found.append((param - weights.detach()).tolist())
    assert found[0] == [[0.0, 1.0], [1.0, 0.0]]
    torch.testing.assert_close(torch.tensor(found[1]), torch.tensor([[2.0, 0.0], [0.0, -1.0]]))
    assert found[2] == [[1.5, 1.0], [1.0, 2.0]]
