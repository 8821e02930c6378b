"""Magma: in plain floats, stopped and gone on, and what it refuses."""

import math
from itertools import pairwise

import pytest
import torch

import thalweg as optim

from ..papers.noisy import hashed
from .test_sharpness import STEPS, closure_of, length, slope, start

START = [1.0, -0.5, 0.7, 2.0]


def magma(w, lr, momentum, keep=0.5, tau=2.0, beta=0.9, ema=0.9, excluded=()):
    """Joo et al. 2026, around momentum, with two parameters of two numbers as blocks. https://arxiv.org/abs/2602.15322."""
    m, mean, s = [0.0] * 4, [0.0] * 4, [1.0, 1.0]
    for t in range(1, STEPS + 1):
        g, w = slope(w), list(w)
        m = [momentum * a + b for a, b in zip(m, g, strict=True)]
        mean = [beta * a + (1 - beta) * b for a, b in zip(mean, g, strict=True)]
        for block in range(2):
            own = slice(2 * block, 2 * block + 2)
            mu, ours = (m if momentum else mean)[own], g[own]
            cosine = math.fsum(a * b for a, b in zip(mu, ours, strict=True)) / (length(mu) * length(ours))
            s[block] = ema * s[block] + (1 - ema) / (1 + math.exp(-cosine / tau))
            is_taken = hashed(hashed(hashed(0) ^ block) ^ t) / 2**32 < keep
            share = 1.0 if block in excluded else s[block] * is_taken
            w[own] = [x - share * lr * a for x, a in zip(w[own], m[own], strict=True)]
        yield w


@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("momentum", [0.0, 0.5], ids=["a mean of its own", "the optimizer's momentum"])
def test_the_papers_box(kind, momentum):
    params = start()
    optimizer = kind(params, lr=0.05, momentum=momentum)
    optim.Magma(optimizer, 0.6, tau=0.5, momentum_beta=0.3, alignment_ema=0.7)
    path = list(magma(START, 0.05, momentum, keep=0.6, tau=0.5, beta=0.3, ema=0.7))
    for wanted in path:
        optimizer.step(closure_of(optimizer, params))
        torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-12, atol=0)
    assert any(one[:2] == other[:2] for one, other in pairwise(path))  # some steps were left out


def test_what_is_excluded_takes_all_its_steps():
    params = start()
    optimizer = optim.SGD(params, lr=0.05)
    wrapper = optim.Magma(optimizer, exclude=params[:1])
    for wanted in magma(START, 0.05, 0.0, excluded={0}):
        optimizer.step(closure_of(optimizer, params))
        torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-12, atol=0)
    assert wrapper.state_dict()["alignments"].keys() == {1}


def test_what_does_not_fit_is_refused_and_changes_nothing():
    params = start()
    optimizer = optim.SGD(params, lr=0.05)
    wrapper = optim.Magma(optimizer)
    optimizer.step(closure_of(optimizer, params))
    saved = wrapper.state_dict()
    for bad, said in (
        ({}, "Magma needs a state_dict of its own"),
        (saved | {"step_count": -1}, "Magma needs a step_count"),
        (saved | {"alignments": {2: 0.5}}, "an alignment from 0 to 1 for places of parameters"),
        (saved | {"momenta": {0: torch.ones(3)}}, r"of the shape of parameter 0, which is \(2,\)"),
    ):
        with pytest.raises(ValueError, match=said):
            wrapper.load_state_dict(bad)
    assert wrapper.state_dict()["alignments"] == saved["alignments"]
    for option, value in (("mask_prob", 2), ("tau", 0)):
        with pytest.raises(ValueError, match=f"Magma needs {option} "):
            optim.Magma(optimizer, **{option: value})
