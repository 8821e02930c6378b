"""SWATS beside plain floats: Adam, and SGD from the step on in which its rate has settled."""

import math

import pytest
import torch

import thalweg

from .test_distance_over_gradients import flat, gradients, parameters, walk

STEPS = 8


def swats(w, slopes, lr=1e-3, betas=(0.9, 0.999), eps=1e-9):
    """Keskar & Socher 2017, algorithm 1; also gives the step after which it is SGD. https://arxiv.org/abs/1712.07628."""
    (beta1, beta2), m, a, v = betas, [0.0] * len(w), [0.0] * len(w), [0.0] * len(w)
    lambda_, rate, switched = 0.0, None, None
    for k, g in enumerate(slopes, 1):
        if rate is not None:
            v = [beta1 * x + y for x, y in zip(v, g, strict=True)]
            w = [x - (1 - beta1) * rate * y for x, y in zip(w, v, strict=True)]
            continue
        m = [beta1 * x + (1 - beta1) * y for x, y in zip(m, g, strict=True)]
        a = [beta2 * x + (1 - beta2) * y * y for x, y in zip(a, g, strict=True)]
        alpha = lr * math.sqrt(1 - beta2**k) / (1 - beta1**k)
        p = [-alpha * x / (math.sqrt(y) + eps) for x, y in zip(m, a, strict=True)]
        w = [x + y for x, y in zip(w, p, strict=True)]
        slope = math.fsum(x * y for x, y in zip(p, g, strict=True))
        if slope:
            gamma = math.fsum(x * x for x in p) / -slope
            lambda_ = beta2 * lambda_ + (1 - beta2) * gamma
            if k > 1 and abs(lambda_ / (1 - beta2**k) - gamma) < eps:
                rate, switched = lambda_ / (1 - beta2**k), k
    return w, switched


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("eps", "switched"), [(1e-9, None), (3e-3, 3)])
def test_plain_floats(eps, switched, engine):
    params, options = parameters(), {"lr": 0.1, "betas": (0.8, 0.9), "eps": eps}
    wanted, step = swats(flat(params), [flat(gradients(step)) for step in range(STEPS)], **options)
    assert step == switched
    groups = [{"params": params[:2]}, {"params": params[2:]}]
    optimizer = thalweg.SWATS(groups, **options, engine=engine)
    walk(optimizer, params, range(STEPS))
    # sums are taken in another order
    torch.testing.assert_close(flat(params), wanted, rtol=1e-12, atol=1e-13)
    assert (optimizer.param_groups[0]["rate"] > 0) is (switched is not None)


def test_a_schedule_goes_on_after_the_switch():
    steps = []
    for factor in (1, 0.1):
        params = parameters()
        optimizer = thalweg.SWATS(params, lr=0.1, betas=(0.8, 0.9), eps=3e-3)
        walk(optimizer, params, range(STEPS))
        before = flat(params)
        optimizer.param_groups[0]["lr"] *= factor
        walk(optimizer, params, [STEPS])
        steps.append([a - b for a, b in zip(before, flat(params), strict=True)])
    torch.testing.assert_close([step * 0.1 for step in steps[0]], steps[1], rtol=1e-9, atol=1e-14)
