"""Which rates are tried, and which one is taken from what was seen."""

import numpy as np
import pytest

from thalweg.tools.range_test.trials import Curve, best_rate, climb


def test_the_best_rate_lies_where_a_parabola_through_three_is_lowest():
    tried = {rate: np.log(rate / 0.3) ** 2 for rate in (0.05, 0.1, 0.4, 1.6)}
    assert best_rate(9.0, tried) == pytest.approx(0.3, rel=1e-9)
    assert best_rate(9.0, {0.1: 1.0, 0.2: 0.5}) == 0.2
    assert best_rate(1.0, {0.1: 0.5, 1.0: 0.4, 10.0: float("inf")}) == pytest.approx(10 ** (-0.5 + 0.1 / 1.7))
    assert best_rate(1.0, {0.1: 0.5, 1.0: 0.5, 10.0: 0.5}) == 0.1
    assert best_rate(1.0, {0.1: 1.5, 1.0: 2.0}) is None


def test_a_ramp_tells_where_the_loss_falls_most_steeply():
    assert Curve([1, 2, 4, 8, 16], [4.0, 3.9, 3.0, 1.0, 0.9]).steepest() == 4
    assert Curve([1, 2, 4, 8, 16], [4.0, 3.0, 2.9, 9.0, 8.1]).steepest() == 1
    assert Curve([1, 2], [4.0, 5.0]).steepest() is None


@pytest.mark.parametrize(
    ("best", "within", "rates"),
    [
        (20, (0, 100), [1, 4, 16]),
        (2.5, (0, 100), [1, 4, 16]),
        (0.3, (0, 100), [1, 4, 0.25]),
        (20, (0, 10), [1, 4, 10]),
        (20, (0, 4), [1, 4, 2]),
        (20, (0.5, 1), [1, 0.5, 0.5**0.5]),
        (0.1, (0.5, 100), [1, 4, 0.5]),
    ],
)
def test_trials_climb_to_the_best_within_bounds(best, within, rates):
    tried = {}
    for _ in range(3):
        rate = climb(1.0, tried, within)
        tried[rate] = abs(np.log(rate / best))
    assert list(tried) == pytest.approx(rates)
