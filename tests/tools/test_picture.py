"""The picture shows every curve and every name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from thalweg.tools.comparison.choose import Choice
from thalweg.tools.comparison.curves import COLORS, LEAST, describe, draw, smooth, spread


@pytest.fixture
def drawn(tmp_path):
    def drawn(runs):
        draw(runs, tmp_path / "losses.png", "as tested")
        return imread(tmp_path / "losses.png")[..., :3]

    return drawn


def shows(picture, color):
    return bool((np.abs(picture - to_rgb(color)).max(axis=-1) < 0.02).any())


def test_each_curve_is_in_the_picture(drawn, runs):
    picture = drawn(runs)
    assert [shows(picture, color) for color in COLORS[:5]] == [True, True, True, False, False]


def test_more_runs_than_colors_are_drawn(drawn, runs):
    picture = drawn([replace(runs[0], choice=Choice("Adam", runs[0].choice.kind, {"lr": lr})) for lr in range(10)])
    assert shows(picture, COLORS[1])  # the last drawn lies on top


@pytest.mark.parametrize("which", [slice(0, 1), slice(3, 4), slice(0, 0)], ids=["one", "a failed one", "none"])
def test_few_runs_are_drawn(drawn, runs, which):
    assert drawn(runs[which]).std() > 0


def test_names_tell_options_and_trouble(runs):
    assert [describe(run) for run in runs[:3]] == [
        *("Adam", "torch.Adam lr=0.01", f"SGD lr=1000000.0 ({runs[2].trouble})")
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_names_are_kept_apart_in_order_and_inside(heights):
    gap = 0.05
    apart = spread(np.array(heights), gap)
    in_order = apart[np.argsort(heights)]
    assert np.all(np.diff(in_order) >= gap - 1e-9)
    assert np.all((apart >= -1e-9) & (apart <= 1 + 1e-9))


def test_names_far_enough_apart_stay():
    np.testing.assert_allclose(spread(np.array([0.9, 0.1, 0.5]), 0.05), [0.9, 0.1, 0.5])


def test_smoothing_keeps_the_first_and_what_is_even():
    assert smooth([2.0] * 100) == pytest.approx([2.0] * 100)
    assert smooth([5.0] + [1.0] * 99)[0] == 5.0
    assert smooth([0.0] * 3) == [LEAST] * 3
    assert smooth([]) == []
