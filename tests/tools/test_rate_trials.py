"""Which rates are tried, and which one is taken from what was seen."""

import numpy as np
import pytest

from thalweg.tools.range_test.from_the_start import lowest_point
from thalweg.tools.range_test.trials import Curve, best_rate, next_rate


def test_the_lowest_of_many_rates_is_where_a_parabola_through_three_is_lowest():
    tried = {rate: np.log(rate / 0.3) ** 2 for rate in (0.05, 0.1, 0.4, 1.6)}
    assert lowest_point(9.0, tried) == pytest.approx(0.3, rel=1e-9)
    assert lowest_point(9.0, {0.1: 1.0, 0.2: 0.5}) == 0.2
    assert lowest_point(1.0, {0.1: 0.5, 1.0: 0.4, 10.0: float("inf")}) == pytest.approx(10 ** (-0.5 + 0.1 / 1.7))
    assert lowest_point(1.0, {0.1: 0.5, 1.0: 0.5, 10.0: 0.5}) == 0.1
    assert lowest_point(1.0, {0.1: 1.5, 1.0: 2.0}) is None


@pytest.mark.parametrize(("rates", "lowest"), [((1, 2), 1.6), ((1, 2), 0.7), ((1, 2), 3.0), ((1, 0.25), 0.4)])
def test_the_best_rate_is_where_a_parabola_of_known_bend_is_lowest(rates, lowest):
    """The loss has fallen from 3 by 2 at the best of the rates."""
    bowl = {rate: 0.1 * np.log2(rate / lowest) ** 2 for rate in rates}
    least = min(bowl.values())
    assert best_rate(3.0, {rate: 1 + value - least for rate, value in bowl.items()}) == pytest.approx(lowest)


def test_the_best_rate_lies_near_the_best_trial_or_nowhere():
    assert best_rate(1.0, {0.1: 0.5, 0.2: float("inf")}) == 0.05
    assert best_rate(1.0, {0.1: 0.9, 0.2: 0.5}) == 0.4
    assert best_rate(1.0, {0.1: 0.5}) == 0.1
    assert best_rate(-1.0, {0.1: -2.0, 0.2: -2.0}) == pytest.approx(0.1 * 2**0.5)
    assert best_rate(1.0, {0.1: 1.5, 0.2: 2.0}) is None
    assert best_rate(1.0, {0.1: float("inf"), 0.025: float("inf")}) is None


def test_a_ramp_tells_where_the_loss_falls_most_steeply():
    assert Curve([1, 2, 4, 8, 16], [4.0, 3.9, 3.0, 1.0, 0.9]).steepest() == 4
    assert Curve([1, 2, 4, 8, 16], [4.0, 3.0, 2.9, 9.0, 8.1]).steepest() == 1
    assert Curve([1, 2], [4.0, 5.0]).steepest() is None


@pytest.mark.parametrize(
    ("loss", "within", "rate"),
    [
        (0.9, (0, 100), 2),
        (1.1, (0, 100), 0.25),
        (float("inf"), (0.5, 100), 0.5),
        (0.9, (0, 1.5), 1.5),
        (0.9, (0, 1), 0.25),
    ],
)
def test_the_second_trial_goes_up_if_the_first_went_well(loss, within, rate):
    assert next_rate(1.0, 1.0, {}, within) == 1.0
    assert next_rate(1.0, 1.0, {1.0: loss}, within) == rate
