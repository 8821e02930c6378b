"""Random bits: as many of each, unlike from place to place, step to step, parameter to parameter."""

from itertools import combinations

import numpy as np
import pytest
import torch

from thalweg.formula.tracing.trace import evaluate
from thalweg.formula.words.random import MULTIPLIERS, OTHERS, SHARING, Draws, mixed, word_key

COUNT = 2**16


def drawn(place=0, seed=0, parameter=0, step=1):
    key = int(evaluate(word_key(), {"seed": seed}, param_index=float(parameter), step_count=float(step)))
    return Draws(torch.arange(COUNT, dtype=torch.int32), lambda: key).bits(place, 16).numpy()


@pytest.mark.parametrize("place", range(5))
def test_every_bit_is_fair(place):
    bits = (drawn(place)[:, None] >> np.arange(16)) & 1
    # 65,536 throws: a standard deviation is 0.002
    assert np.abs(bits.mean(0) - 0.5).max() < 0.01


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"place": 0}, {"place": 1}),
        ({"place": 0}, {"place": 2}),
        ({"place": 1}, {"place": 2}),
        ({"place": 2}, {"place": 3}),
        ({"step": 1}, {"step": 2}),
        ({"seed": 0}, {"seed": 1}),
        ({"parameter": 0}, {"parameter": 1}),
        ({"parameter": 1, "step": 2}, {"parameter": 2, "step": 1}),
    ],
)
def test_draws_have_nothing_to_do_with_each_other(one, other):
    a, b = drawn(**one), drawn(**other)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02  # 5 standard deviations
    assert (a == b).mean() < 2e-4


def test_neighbours_have_nothing_to_do_with_each_other():
    draws = drawn().astype(float)
    # Those at distances of at most 3, also from 128, share words.
    for distance in (1, 2, 3, 16, 125, 126, 127, 128, 129, 130, 131, 256):
        assert abs(np.corrcoef(draws[:-distance], draws[distance:])[0, 1]) < 0.02


def test_factors_of_a_word_have_no_small_ratio():
    """The pairs of small s and t are the convergents of one factor by the other: Knuth's spectral test."""
    own = [1 + (element & SHARING) * OTHERS for element in range(256)]
    factors = {(odd + 2 * place * MULTIPLIERS[0]) % 2**32 for odd in own for place in range(5)}
    assert len(factors) == 8 * 5
    for a, b in combinations(factors, 2):
        assert least_product(-b * pow(a, -1, 2**32) % 2**32) > 2e6


def least_product(ratio):
    """Give the least s t where s is ratio times t, up to a sign and a multiple of 2^32."""
    (rest, s), (before, t) = (2**32, ratio), (0, 1)
    least = 2**64
    while s:
        least = min(least, s * t)
        rest, s, before, t = s, rest % s, t, before + rest // s * t
    return least


def test_mixing_is_one_to_one():
    """No two counts give one word: the sample is of both ends and the middle."""
    words = torch.cat([torch.arange(2**18, dtype=torch.int32) + start for start in (0, -(2**31), 2**31 - 2**18)])
    assert mixed(words).unique().numel() == words.numel()
