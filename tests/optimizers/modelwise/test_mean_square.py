"""Adai, AdamS and AvaGrad beside plain floats: several parameters, one mean over all their numbers."""

import math

import pytest
import torch

import thalweg

from .test_distance_over_gradients import flat, gradients, parameters, walk

STEPS = 5


def means_of_squares(v, beta2, t, g):
    """The mean square of each number, and of all."""
    v = [beta2 * a + (1 - beta2) * b * b for a, b in zip(v, g, strict=True)]
    v_hat = [a / (1 - beta2**t) for a in v]
    return v, v_hat, math.fsum(v_hat) / len(v_hat)


def adai(x, slopes, lr=1e-3, betas=(0.1, 0.99), eps=1e-3, weight_decay=0.0):
    """Xie et al. 2022, algorithm 2, with decoupled decay. https://arxiv.org/abs/2006.15815."""
    m, v, product = [0.0] * len(x), [0.0] * len(x), [1.0] * len(x)
    for t, g in enumerate(slopes, 1):
        v, v_hat, v_bar = means_of_squares(v, betas[1], t, g)
        beta1 = [min(max(1 - a / v_bar * betas[0], 0.0), 1 - eps) for a in v_hat]
        m = [b * a + (1 - b) * c for a, b, c in zip(m, beta1, g, strict=True)]
        product = [a * b for a, b in zip(product, beta1, strict=True)]
        x = [a - lr * weight_decay * a - lr * b / (1 - c) for a, b, c in zip(x, m, product, strict=True)]
    return x


def adam_s(x, slopes, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4):
    """Xie et al. 2023, algorithm 3. https://arxiv.org/abs/2011.11152."""
    m, v = [0.0] * len(x), [0.0] * len(x)
    for t, g in enumerate(slopes, 1):
        m = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        v, v_hat, v_bar = means_of_squares(v, betas[1], t, g)
        step = [a / (1 - betas[0] ** t) / (math.sqrt(b) + eps) for a, b in zip(m, v_hat, strict=True)]
        x = [a - lr * b - lr / math.sqrt(v_bar) * weight_decay * a for a, b in zip(x, step, strict=True)]
    return x


def avagrad(x, slopes, lr=0.1, betas=(0.9, 0.999), eps=0.1, weight_decay=0.0):
    """Savarese et al. 2021, algorithm 2, with Adam's bias corrections. https://arxiv.org/abs/1912.01823."""
    m, v_hat, v = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x)
    for t, g in enumerate(slopes, 1):
        g = [a + weight_decay * b for a, b in zip(g, x, strict=True)]
        m = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        eta = [1 / (math.sqrt(a) + eps) for a in v_hat]
        norm = math.sqrt(math.fsum(a * a for a in eta) / len(eta))
        x = [a - lr * b / norm * c / (1 - betas[0] ** t) for a, b, c in zip(x, eta, m, strict=True)]
        v, v_hat, _ = means_of_squares(v, betas[1], t, g)
    return x


CASES = [
    ("Adai", adai, {}),
    ("Adai", adai, {"lr": 0.1, "betas": (0.7, 0.5), "weight_decay": 0.1, "eps": 0.3}),
    ("AdamS", adam_s, {"lr": 0.1, "weight_decay": 0.5, "betas": (0.5, 0.75)}),
    ("AvaGrad", avagrad, {}),
    ("AvaGrad", avagrad, {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_plain_floats(name, rule, options, engine):
    params = parameters()
    wanted = rule(flat(params), [flat(gradients(step)) for step in range(STEPS)], **options)
    groups = [{"params": params[:2]}, {"params": params[2:]}]
    walk(getattr(thalweg, name)(groups, **options, engine=engine), params, range(STEPS))
    # sums are taken in another order
    torch.testing.assert_close(flat(params), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["Adai", "AdamS", "AvaGrad"])
def test_a_checkpoint_keeps_the_mean(name):
    params, others = parameters(), parameters()
    optimizer = getattr(thalweg, name)(params, lr=0.1)
    walk(optimizer, params, range(3))
    resumed = getattr(thalweg, name)(others, lr=0.1)
    with torch.no_grad():
        for param, other in zip(params, others, strict=True):
            other.copy_(param)
    resumed.load_state_dict(optimizer.state_dict())
    walk(optimizer, params, range(3, 6))
    walk(resumed, others, range(3, 6))
    assert flat(params) == flat(others)


@pytest.mark.parametrize("name", ["Adai", "AdamS", "AvaGrad"])
def test_a_model_without_gradients_stays(name):
    params = parameters()
    before = flat(params)
    optimizer = getattr(thalweg, name)(params, lr=0.1)
    for param in params:
        param.grad = torch.zeros_like(param)
    optimizer.step()
    assert flat(params) == before
