"""The t-test, against SciPy's."""

import math

import numpy as np
import pytest
import scipy.stats
from measuring.significance import below, p_below


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 8, 29, 100])
def test_students_t_is_scipys(freedom):
    """The series has as many terms as half the degrees of freedom, each rounded a few times."""
    places = (-40.0, -9.0, -2.5, -0.1, 0.0, 0.3, 1.0, 6.0)
    ours = [below(t, freedom) for t in places]
    np.testing.assert_allclose(ours, scipy.stats.t.cdf(places, freedom), rtol=0, atol=4e-15)
    assert below(math.inf, freedom) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_p_of_a_mean_below_a_target_is_scipys(count):
    losses = np.random.default_rng(count).normal(1.99, 0.01, count)
    theirs = scipy.stats.ttest_1samp(losses, 2.0, alternative="less").pvalue
    assert p_below(list(losses), 2.0) == pytest.approx(theirs, rel=1e-9)


def test_losses_that_are_all_the_same_have_no_doubt():
    assert p_below([1.9, 1.9], 2.0) == 0
    assert p_below([2.1, 2.1], 2.0) == p_below([2.0, 2.0], 2.0) == 1
