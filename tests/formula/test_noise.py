"""Noise in formulas: standard normal, and the same for a seed, a parameter, a step and an element, whoever computes."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import ndtr

import thalweg
from tests.papers.noisy import normal

COUNT = 1 << 16

NEXT_TO = (1, 2, 3, 4, 64, 128, 256, 4096)


def drawn(count=COUNT, steps=1, dtype=torch.float64, **options):
    """Give what a step of noise alone moves zeros by, for each step."""
    param = torch.zeros(count, dtype=dtype)
    optimizer = thalweg.NoisySGD([param], lr=1.0, eta=1.0, gamma=0.0, **options)
    rows = []
    for _ in range(steps):
        param.zero_().grad = torch.zeros_like(param)
        optimizer.step()
        rows.append(-param.numpy())
    return np.array(rows)


@pytest.mark.parametrize("seed", range(4))
def test_its_distribution_is_the_normal_one(seed):
    """The bound of Kolmogorov and Smirnov is passed by one sample in a hundred; these are always the same ones."""
    numbers = np.sort(drawn(seed=seed)[0])
    found = np.arange(COUNT + 1) / COUNT
    wanted = ndtr(numbers)
    distance = max(np.abs(found[1:] - wanted).max(), np.abs(found[:-1] - wanted).max())
    assert distance < 1.63 / COUNT**0.5
    # The share beyond three deviations is known to a tenth.
    assert abs((np.abs(numbers) > 3).mean() / (2 * ndtr(-3.0)) - 1) < 4 / (COUNT * 2 * ndtr(-3.0)) ** 0.5


def test_steps_seeds_and_neighbours_have_nothing_in_common():
    rows = np.concatenate([drawn(steps=6), drawn(steps=6, seed=1)])
    most = 4.5 / COUNT**0.5
    for one, other in itertools.combinations(rows, 2):
        assert abs(np.mean(one * other)) < most
        assert abs(np.mean((one**2 - 1) * (other**2 - 1))) < 2 * most
    for apart in NEXT_TO:
        assert abs(np.mean(rows[0, apart:] * rows[0, :-apart])) < most


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_it_is_what_plain_floats_say(engine, dtype):
    wanted = [[normal(place, step, seed=7) for place in range(300)] for step in (1, 2)]
    found = drawn(300, 2, dtype, seed=7, engine=engine)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14 if dtype is torch.float64 else 4e-6)


def test_an_elements_place_is_that_in_memory():
    """In whatever pieces threads take them."""
    flat, square = torch.zeros(600 * 700), torch.zeros(700, 600).t()
    threads = torch.get_num_threads()
    try:
        for param, count in ((flat, 1), (square, 4)):
            torch.set_num_threads(count)
            param.grad = torch.zeros_like(param)
            thalweg.NoisySGD([param]).step()
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(flat, square.t().reshape(-1))
