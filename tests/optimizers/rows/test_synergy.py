"""Ranger21 against its paper's box, in plain floats."""

import math

import pytest

import thalweg

from .matrices import compare, each, flat, mean, square


def ranger21(
    w,
    *,
    is_matrix,
    lr=1e-3,
    betas=(0.9, 0.999),
    beta0=0.9,
    eps=1e-8,
    weight_decay=1e-4,
    tau=1e-2,
    eps_clipping=1e-3,
    total_steps=None,
    warmup=0.22,
    warmdown=0.28,
    lookahead=5,
):
    """Wright & Demeure 2021. https://arxiv.org/abs/2106.13731."""
    beta1, beta2 = betas
    slow, zeros = w, each(lambda x: 0.0, w)
    m, m_before, v, v_max, t = zeros, zeros, zeros, zeros, 0
    g = yield
    while True:
        t += 1
        g = [shortened(row, tau * max(length(weights), eps_clipping)) for row, weights in zip(g, w, strict=True)]
        g = [[x - mean(row) for x in row] for row in g] if is_matrix else g
        m, m_before = each(lambda a, b: beta1**2 * a + (1 - beta1**2) * b, m_before, g), m
        v = each(lambda a, b: beta2 * a + (1 - beta2) * b, v, square(g))
        v_max = each(max, v, v_max)
        noise, v_hat = math.hypot(1 + beta0, beta0), each(lambda a, t=t: a / (1 - beta2**t), v_max)
        m_hat = each(lambda a, b, t=t: ((1 + beta0) * a - beta0 * b) / (1 - beta1**t), m, m_before)
        u = each(lambda a, b, noise=noise: a / noise / (math.sqrt(b) + eps), m_hat, v_hat)
        rms = math.sqrt(mean(flat(v_hat)))
        d = [[weight_decay * (1 - 1 / length(row)) / rms * x for x in row] for row in w]
        eta = lr
        if total_steps:
            rising = max((1 - beta2) / 2 * t, t / (warmup * total_steps))
            eta *= min(1, rising, (total_steps - t) / (warmdown * total_steps))
        w = each(lambda x, a, b, eta=eta: x - eta * a - eta * b, w, u, d)
        if t % lookahead == 0:
            slow = w = each(lambda a, b: 0.5 * a + 0.5 * b, slow, w)
        g = yield w


def length(row):
    return math.sqrt(math.fsum(x * x for x in row))


def shortened(row, longest):
    return [x * min(1.0, longest / length(row)) for x in row]


OPTIONS = {"lr": 0.1, "betas": (0.5, 0.75), "beta0": 0.5, "weight_decay": 0.1, "tau": 0.8, "lookahead": 2}


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("shape", [(4, 7), (6,)])
@pytest.mark.parametrize("options", [{}, {**OPTIONS, "total_steps": 7, "warmup": 0.5}], ids=["plain", "other"])
def test_the_papers_box(shape, engine, options):
    compare(thalweg.Ranger21, ranger21, shape, options, engine, **options)
