"""Searches see only phi and its slope: published tables, walls, flats, NaN, and captured failures."""

import json
import math
from pathlib import Path

import pytest

from thalweg.optimizers.closure.search import NAMES, Backtracking, Fixed, HagerZhang, MoreThuente, Trial, search_named

INFINITY = math.inf
CAPTURED = sorted((Path(__file__).parents[3] / "captured").glob("*.json"))


class Counted:
    """A scalar function with its calls and the points it was asked for."""

    def __init__(self, function):
        self.function = function
        self.alphas = []

    def __call__(self, alpha):
        self.alphas.append(alpha)
        return Trial(alpha, *self.function(alpha))


def rational(a, beta=2.0):
    return -a / (a * a + beta), (a * a - beta) / (a * a + beta) ** 2


def quintic(a, beta=0.004):
    return (a + beta) ** 5 - 2 * (a + beta) ** 4, 5 * (a + beta) ** 4 - 8 * (a + beta) ** 3


def wavy(a, beta=0.01, waves=39):
    if abs(a - 1) >= beta:
        value, slope = abs(a - 1), math.copysign(1.0, a - 1)
    else:
        value, slope = (a - 1) ** 2 / (2 * beta) + beta / 2, (a - 1) / beta
    t = waves * math.pi / 2
    return value + (1 - beta) / t * math.sin(t * a), slope + (1 - beta) * math.cos(t * a)


def yanai(b1, b2):
    def weight(b):
        return math.sqrt(1 + b * b) - b

    def function(a):
        left, right = math.hypot(1 - a, b2), math.hypot(a, b1)
        value = weight(b1) * left + weight(b2) * right
        return value, -weight(b1) * (1 - a) / left + weight(b2) * a / right

    return function


# Moré & Thuente 1994, tables I to VI: first step, evaluations, step, slope.
TABLES = [
    (rational, 0.001, 0.1, [(1e-3, 6, 1.4, -9.2e-3), (0.1, 3, 1.4, 4.7e-3), (10, 1, 10, 9.4e-3), (1e3, 4, 37, 7.3e-4)]),
    (quintic, 0.1, 0.1, [(1e-3, 12, 1.6, 3.8e-9), (0.1, 8, 1.6, 1e-10), (10, 8, 1.6, -5e-9), (1e3, 11, 1.6, -2.3e-8)]),
    (wavy, 0.1, 0.1, [(1e-3, 12, 1, -5.1e-5), (0.1, 12, 1, -1.9e-4), (10, 10, 1, -2e-6), (1e3, 13, 1, -1.6e-5)]),
    (
        yanai(0.001, 0.001),
        0.001,
        0.001,
        [(1e-3, 4, 0.085, -6.9e-5), (0.1, 1, 0.1, -4.9e-5), (10, 3, 0.35, -2.9e-6), (1e3, 4, 0.83, 1.6e-5)],
    ),
    (
        yanai(0.01, 0.001),
        0.001,
        0.001,
        [(1e-3, 6, 0.075, 1.9e-4), (0.1, 3, 0.078, 7.4e-4), (10, 7, 0.073, -2.6e-4), (1e3, 8, 0.076, 4.5e-4)],
    ),
    (
        yanai(0.001, 0.01),
        0.001,
        0.001,
        [(1e-3, 13, 0.93, 5.2e-4), (0.1, 11, 0.93, 8.4e-5), (10, 8, 0.92, -2.4e-4), (1e3, 11, 0.92, -3.2e-4)],
    ),
]
ROWS = [(f, mu, eta, *row) for f, mu, eta, rows in TABLES for row in rows]


@pytest.mark.parametrize(("function", "mu", "eta", "first", "evaluations", "alpha", "slope"), ROWS)
def test_more_thuente_repeats_its_paper(function, mu, eta, first, evaluations, alpha, slope):
    phi = Counted(function)
    start = Trial(0.0, *function(0.0))
    found = MoreThuente(mu, eta)(phi, start, first)
    assert len(phi.alphas) == evaluations
    assert found.alpha == pytest.approx(alpha, rel=0.03)
    assert found.slope == pytest.approx(slope, rel=0.06)


@pytest.mark.parametrize(("function", "mu", "eta", "first"), [row[:4] for row in ROWS])
def test_hager_zhang_accepts_only_what_it_promises(function, mu, eta, first):
    start = Trial(0.0, *function(0.0))
    search = HagerZhang(min(mu, 0.49), eta)
    found = search(Counted(function), start, first)
    assert search.accepts(start, found)
    assert found.value < start.value


@pytest.mark.parametrize("name", NAMES)
def test_a_wall_is_never_crossed(name):
    """The function -log(1 - x) - 100 x from 0.5, where torch's search goes to 1e45 (closure notes, section 2)."""

    def wall(a):
        x = 0.5 + 50 * a
        return (-math.log(1 - x) - 100 * x, 50 * (1 / (1 - x) - 100)) if x < 1 else (math.nan, math.nan)

    phi = Counted(wall)
    start = Trial(0.0, *wall(0.0))
    found = search_named(name, 0.9)(phi, start, 1.0, INFINITY)
    assert found.finite
    assert found.value < start.value
    assert len(phi.alphas) <= 12


@pytest.mark.parametrize("bad", [(math.inf, math.nan), (math.nan, math.nan), (-math.inf, -1.0), (1.0, math.nan)])
@pytest.mark.parametrize("name", [*NAMES, None])
def test_only_bad_values_give_none_or_a_finite_point(name, bad):
    found = search_named(name, 0.9)(Counted(lambda a: bad), Trial(0.0, 0.0, -1.0), 1.0, INFINITY)
    assert found is None


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_function_ends(name):
    phi = Counted(lambda a: (1.0, -1e-30))
    search_named(name, 0.9)(phi, Trial(0.0, 1.0, -1e-30), 1.0, INFINITY)
    assert len(phi.alphas) <= 40


def test_an_unbounded_function_ends_at_the_lowest_finite_trial():
    found = HagerZhang()(Counted(lambda a: (-(a**2), -2 * a)), Trial(0.0, 0.0, -1e-3), 1.0)
    assert math.isfinite(found.value)
    assert found.value < 0


def test_hager_zhang_works_where_values_are_rounding():
    """A parabola of depth 1e-20 on a value of 1, one digit of noise beyond the start: the slopes still tell."""

    def deep(a):
        return 1.0 + 2.3e-16 * (a > 0), 1e-20 * (2 * a - 2)

    start = Trial(0.0, *deep(0.0))
    assert HagerZhang(sigma=0.1)(Counted(deep), start, 0.1).alpha == pytest.approx(1.0, abs=0.1)
    assert MoreThuente(curvature=0.1)(Counted(deep), start, 0.1) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("longest", [0.5, 1.0])
def test_no_step_is_longer_than_allowed(name, longest):
    phi = Counted(lambda a: (-a, -1.0))
    found = search_named(name, 0.9)(phi, Trial(0.0, 0.0, -1.0), 1.0, longest)
    assert max(phi.alphas) <= longest
    assert found.alpha == longest


def test_backtracking_takes_the_first_that_falls_enough():
    found = Backtracking()(Counted(lambda a: (a * a - a, 2 * a - 1)), Trial(0.0, 0.0, -1.0), 4.0)
    assert found.value <= -1e-4 * found.alpha
    assert 0 < found.alpha < 1


def test_fixed_takes_the_step_it_is_given():
    assert Fixed()(Counted(lambda a: (a, 1.0)), Trial(0.0, 0.0, -1.0), 0.25).alpha == 0.25


def test_an_unknown_search_is_named():
    with pytest.raises(ValueError, match=r"hager_zhang.*got 'wolf'"):
        search_named("wolf", 0.9)


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", NAMES)
def test_captured_failures_stay_mended(path, name):
    """Each file holds values and slopes that once misled a search: piecewise linear between them, bad beyond."""
    captured = json.loads(path.read_text())
    trials = [Trial(*(math.nan if number is None else number for number in row)) for row in captured["trials"]]

    def nearest(alpha):
        trial = min(trials, key=lambda t: abs(t.alpha - alpha))
        return trial.value + trial.slope * (alpha - trial.alpha), trial.slope

    phi = Counted(nearest)
    found = search_named(name, 0.9)(phi, trials[0], captured["first"], INFINITY)
    assert len(phi.alphas) <= 41
    assert found is None or (found.finite and found.value <= trials[0].value)


def test_there_are_captured_failures():
    assert CAPTURED


def test_hager_zhang_asks_for_the_longest_step_once():
    phi = Counted(lambda a: (-a, -1.0))
    HagerZhang()(phi, Trial(0.0, 0.0, -1.0), 1.0, 2.0)
    assert phi.alphas == [1.0, 2.0]


def test_hager_zhang_nears_a_wall_by_fifths():
    """Beyond 1 nothing is finite; the slope asks for more until then."""
    phi = Counted(lambda a: (-a, -1.0) if a < 1 else (math.nan, math.nan))
    found = HagerZhang(limit=6)(phi, Trial(0.0, 0.0, -1.0), 2.0)
    assert phi.alphas[1:4] == pytest.approx([0.4, 0.72, 0.976])
    assert found.alpha == max(alpha for alpha in phi.alphas if alpha < 1)


def test_a_nearly_exact_hager_zhang_refuses_a_steep_way_up():
    start, trial = Trial(0.0, 0.0, -1.0), Trial(1.0, -0.9, 0.5)
    assert not HagerZhang(sigma=0.1).accepts(start, trial)
    assert HagerZhang(sigma=0.7).accepts(start, trial)


def test_fixed_halves_only_while_nothing_is_finite():
    phi = Counted(lambda a: (a, 1.0) if a < 0.3 else (math.inf, math.nan))
    assert Fixed()(phi, Trial(0.0, 0.0, -1.0), 1.0).alpha == 0.25
    assert phi.alphas == [1.0, 0.5, 0.25]


def test_exact_searches_ask_for_less_decrease():
    """A decrease of half the slope or more would shut out the minimizer of a parabola."""
    assert search_named("more_thuente", 0.9) == MoreThuente(decrease=1e-3, curvature=0.9)
    assert search_named("more_thuente", 1e-4).decrease == 5e-5
    assert search_named("hager_zhang", 0.7) == HagerZhang(sigma=0.7, delta=0.1)
    assert search_named("hager_zhang", 0.1).delta == 0.05
