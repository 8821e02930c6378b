"""Directions know no search: secant equations, finite termination, compact against plain formulas."""

import math

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure.directions import limited_memory
from thalweg.optimizers.closure.directions.broyden import FAMILIES, DenseInverse, Member, Ratios, bend
from thalweg.optimizers.closure.directions.conjugate_gradient import BETAS, ConjugateGradient
from thalweg.optimizers.closure.directions.curvature import value_correction
from thalweg.optimizers.closure.directions.limited_memory import LimitedMemory
from thalweg.optimizers.closure.directions.steepest import first_trial
from thalweg.optimizers.closure.directions.step import Step
from thalweg.optimizers.closure.function.objective import Point


def vector(n, seed):
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pairs(n, count):
    """Pairs (s, y) of a quadratic whose Hessian is diagonal, s'y > 0."""
    diagonal = torch.linspace(1, 9, n, dtype=torch.float64)
    return [(s, diagonal * s) for s in (vector(n, seed) for seed in range(count))]


def point(gradient):
    return Point(torch.zeros_like(gradient), 0.0, gradient, float(gradient.abs().max()))


def kept_by(memory):
    """The pairs (s, y) from the oldest, each in the unit that makes s'y = 1."""
    state = memory.state()
    return [(state["s"][place], state["y"][place]) for place in memory.places]


def product(a, b):
    """The scalar product of lists, rounded once."""
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def first_inverse(history):
    """Gilbert & Lemaréchal 1989: a diagonal learns each pair by BFGS's formula, scaled before, in plain floats.

    After the first pair it is used where it has foretold the last one better than s'y / y'y has, by a margin.
    """
    n, diagonal = len(history[0][0]), None
    for s, y in ((s.tolist(), y.tolist()) for s, y in history):
        s_y, y_y = product(s, y), product(y, y)
        diagonal, fits = diagonal or [y_y / s_y] * n, diagonal is None
        y_h_y = sum(yi * yi / b for yi, b in zip(y, diagonal, strict=True))
        s_b_s = sum(si * si * b for si, b in zip(s, diagonal, strict=True))
        fits = fits or n ** (1 / 8) * s_b_s * y_h_y <= y_y * product(s, s)
        scale = y_h_y / s_y
        diagonal = [
            scale * (b - (b * si) ** 2 / s_b_s) + yi * yi / s_y for b, si, yi in zip(diagonal, s, y, strict=True)
        ]
    return [1 / b if fits else s_y / y_y for b in diagonal]


def two_loops(history, gradient, size, refined):
    """Nocedal & Wright 2006, algorithm 7.4, oldest pair first: the last `size`.

    If it is refined, it begins from a diagonal, and uses the last four again.
    """
    s, y = history[-1]
    first = torch.tensor(first_inverse(history), dtype=torch.float64) if refined else torch.dot(s, y) / torch.dot(y, y)
    q, kept = gradient.clone(), []
    history = history[-size:] + (history[-min(size, 4) :] if refined else [])
    for s, y in reversed(history):
        alpha = torch.dot(s, q) / torch.dot(s, y)
        q -= alpha * y
        kept.append(alpha)
    q *= first
    for (s, y), alpha in zip(history, reversed(kept), strict=True):
        q += (alpha - torch.dot(y, q) / torch.dot(s, y)) * s
    return -q


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("size", [1, 3, 16, 17, 40])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 45, 90])
def test_compact_form_is_the_two_loop_recursion(size, count, refined):
    n, history = 50, pairs(50, count)
    memory = LimitedMemory(size, refined=refined)
    for s, y in history:
        memory.remember(s, y, float(torch.dot(s, y)))
    gradient = vector(n, 1000)
    assert_close(memory(point(gradient), None), two_loops(history, gradient, size, refined), rtol=1e-9, atol=1e-9)
    if not refined:
        assert_close(memory.matrix() @ gradient, -memory(point(gradient), None), rtol=1e-9, atol=1e-9)
    for (s, y), (s_kept, y_kept) in zip(history[-size:], kept_by(memory), strict=True):
        unit = torch.dot(s, y).rsqrt()
        assert_close(s * unit, s_kept)
        assert_close(y * unit, y_kept)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("small", [0, limited_memory.SMALL])
@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("n", [1, 7, 50])
def test_learned_steps_are_the_two_loop_recursion(dtype, small, n, refined, monkeypatch):
    """By torch's products and by compiled ones, while the history grows and when it goes round."""
    monkeypatch.setattr(limited_memory, "SMALL", small)
    memory, history, before = LimitedMemory(18, refined=refined), [], vector(n, 99).to(dtype)
    for s, y in ((s.to(dtype), y.to(dtype)) for s, y in pairs(n, 40)):
        # A step of 1/2 along 2 s, whose values correct nothing.
        here, slopes = before + y, (float(2 * s @ before), float(2 * s @ (before + y)))
        fall = -0.25 * sum(slopes)
        ends = Point(s, fall, before), Point(s, 0.0, here)
        memory.learn(Step(*ends, 2 * s, 0.5, *slopes))
        history, before = [*history, (s.double(), y.double())], here
        rounding = 1e4 * torch.finfo(dtype).eps  # 18 pairs, each some roundings off, and curvatures of 1 to 9
        expected = two_loops(history, before.double(), 18, refined)
        assert_close(
            memory(point(before), None).double(), expected, rtol=rounding, atol=rounding * float(expected.norm())
        )
    assert (memory.compiled is None) == (small == 0)


def test_memory_keeps_the_secant_equation_of_the_last_pair():
    memory = LimitedMemory(5)
    for s, y in pairs(20, 9):
        memory.remember(s, y, float(torch.dot(s, y)))
    assert_close(memory(point(y), None), -s)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_member_keeps_the_secant_equation(family):
    direction = exact_run(DenseInverse(FAMILIES[family], apart=3), steps=6)
    s, y = direction.last
    assert_close(direction(point(y), None), -s, rtol=1e-8, atol=1e-8)
    assert_close(direction.inverse, direction.inverse.T, rtol=1e-9, atol=1e-9)


def test_bend_is_the_published_update():
    """Broyden's family as Urbán et al. write it, equation 15, for some phi and tau."""
    n = 6
    root = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    inverse, s, y = root @ root.T + torch.eye(n), vector(n, 2), vector(n, 3)
    y = y * torch.sign(torch.dot(s, y))
    phi, tau = 0.7, 0.4
    s_y, h_y = torch.dot(s, y), inverse @ y
    y_h_y = torch.dot(y, h_y)
    v = y_h_y.sqrt() * (s / s_y - h_y / y_h_y)
    expected = (inverse - torch.outer(h_y, h_y) / y_h_y + phi * torch.outer(v, v)) / tau + torch.outer(s, s) / s_y
    bend(inverse, s, h_y, float(s_y), float(y_h_y), Member(phi, tau))
    assert_close(inverse, expected)


def exact_run(direction, steps, n=12, condition=50.0):
    """Go down a quadratic with exact searches; keep the last pair."""
    from ..conftest import quadratic

    function, hessian, _ = quadratic(n, condition)
    x = torch.zeros(n, dtype=torch.float64)
    direction.errors = []
    for _ in range(steps):
        value, gradient = function(x)
        here = Point(x, float(value), gradient, float(gradient.abs().max()))
        d = direction(here, lambda v: hessian @ v)
        alpha = -float(torch.dot(gradient, d) / torch.dot(d, hessian @ d))
        x = x + alpha * d
        value, there = function(x)
        slopes = float(torch.dot(gradient, d)), float(torch.dot(there, d))
        direction.learn(Step(here, Point(x, float(value), there, float(there.abs().max())), d, alpha, *slopes))
        direction.last = (alpha * d, there - gradient)
        direction.errors.append(float(there.norm()))
    return direction


@pytest.mark.parametrize(
    "make",
    [lambda: LimitedMemory(20), *(lambda b=b: ConjugateGradient(BETAS[b]) for b in BETAS)],
    ids=["lbfgs", *BETAS],
)
def test_exact_searches_end_on_a_quadratic_in_n_steps(make):
    errors = exact_run(make(), steps=12).errors
    assert errors[9] > 1e-4
    assert errors[11] < 1e-6 * errors[0]


@pytest.mark.parametrize("family", ["bfgs"])
def test_dense_bfgs_ends_on_a_quadratic_too(family):
    errors = exact_run(DenseInverse(FAMILIES[family], apart=4), steps=12).errors
    assert errors[11] < 1e-6 * errors[0]


def test_values_give_the_curvature_at_the_end_of_a_cubic():
    """For f = a^3 + a^2 from 0.1 to 1 the second derivative at 1 is 8; slopes alone give the mean."""

    def at(a):
        return Point(torch.tensor([a], dtype=torch.float64), a**3 + a**2, torch.tensor([3 * a**2 + 2 * a]), 0.0)

    d, (before, here) = torch.tensor([1.0], dtype=torch.float64), (at(0.1), at(1.0))
    step = Step(before, here, d, 0.9, 3 * 0.01 + 0.2, 5.0)
    assert value_correction(step) * step.curvature / 0.81 == pytest.approx(8.0)


def test_values_are_left_out_where_they_are_rounding():
    g = torch.ones(1, dtype=torch.float64)
    one, two = Point(g, 1.0, g, 1.0), Point(g, 1.0 - 1e-12, g, 1.0)
    assert value_correction(Step(one, two, g, 1.0, -1.0, -0.1)) == 1.0


def test_damping_bends_what_does_not():
    """Powell: the pair (-0.5, -1), (-0.1, -0.2) has s'y = 0.2 s'Bs = 0.25, although the function bends down."""
    g = torch.tensor([1.0, 2.0], dtype=torch.float64)
    memory = LimitedMemory(5, damping=0.2)
    before, here = point(g), point(torch.tensor([1.5, 3.0], dtype=torch.float64))
    memory.learn(Step(before, here, -g, 0.5, -5.0, -7.5))
    ((s, y),) = kept_by(memory)
    assert s.tolist() == pytest.approx([-1.0, -2.0])
    assert y.tolist() == pytest.approx([-0.2, -0.4])
    plain = LimitedMemory(5)
    plain.learn(Step(before, here, -g, 0.5, -5.0, -7.5))
    assert plain.fresh


def self_scaled(b, h, n):
    """Urbán, Stefanou & Pons 2024, equations 16 to 22, in their names."""
    a = b * h - 1
    c = math.sqrt(abs(a / (1 + a)))
    rho_minus = min(1, h * (1 - c))
    theta_minus, theta_plus = (rho_minus - 1) / a, 1 / rho_minus
    theta = max(theta_minus, min(theta_plus, (1 - b) / b))
    sigma = 1 + theta * a
    rho_plus, sigma_n = min(1, 1 / b), abs(sigma) ** (1 / (1 - n))
    tau = min(rho_plus * sigma_n, sigma) if theta <= 0 else rho_plus * min(sigma_n, 1 / theta)
    return (1 - theta) / (1 + a * theta), tau


@pytest.mark.parametrize(("b", "h"), [(0.3, 5.0), (0.9, 1.3), (1.0, 1.5), (4.0, 0.5), (50.0, 0.1), (0.01, 300.0)])
@pytest.mark.parametrize("n", [2, 10, 481])
def test_self_scaled_members_are_the_published_ones(b, h, n):
    assert FAMILIES["self_scaled_broyden"](Ratios(b, h, n)) == pytest.approx(self_scaled(b, h, n))
    assert FAMILIES["self_scaled_bfgs"](Ratios(b, h, n)) == (1.0, min(1.0, 1 / b))
    assert FAMILIES["bfgs"](Ratios(b, h, n)) == (1.0, 1.0)


def test_the_dense_matrix_learns_the_change_that_values_correct():
    before, here = point(vector(4, 1)), point(vector(4, 2))
    d = here.gradient - before.gradient
    slopes = float(torch.dot(before.gradient, d)), float(torch.dot(here.gradient, d))
    step = Step(Point(d, 1.0, before.gradient), Point(d, 0.2, here.gradient), d, 0.5, *slopes)
    factor = value_correction(step)
    assert factor != 1.0
    direction = DenseInverse(FAMILIES["bfgs"])
    direction.inverse = torch.eye(4, dtype=torch.float64)
    direction.learn(step)
    assert_close(direction.inverse @ (factor * d), 0.5 * d)


def test_values_correct_no_more_than_five_times():
    d = torch.ones(1, dtype=torch.float64)
    high, low = Point(d, 100.0, d), Point(d, 0.0, d)
    assert value_correction(Step(high, low, d, 1.0, -1.0, 0.0)) == 5.0
    assert value_correction(Step(low, high, d, 1.0, -1.0, 0.0)) == 0.2
    assert value_correction(Step(high, low, d, 1.0, -1.0, -1.0)) == 1.0


def test_the_first_trial_has_the_units_of_x_by_g():
    g = torch.tensor([3.0, -4.0], dtype=torch.float64)
    assert first_trial(Point(torch.tensor([2.0, -8.0], dtype=torch.float64), 5.0, g), -25.0) == pytest.approx(0.2)
    assert first_trial(Point(torch.zeros(2, dtype=torch.float64), 5.0, g), -25.0) == pytest.approx(0.4)
    assert first_trial(Point(torch.zeros(2, dtype=torch.float64), 0.0, g), -25.0) == pytest.approx(0.2)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_whether_a_step_bends_up_has_no_unit(scale):
    g = torch.ones(1, dtype=torch.float64)
    up, level = Step(point(g), point(g), g, 0.5, -scale, -0.9 * scale), Step(point(g), point(g), g, 0.5, -scale, -scale)
    assert up.bends_up
    assert not level.bends_up


@pytest.mark.parametrize("h", [1e9, 1e17, 1e40])
def test_a_model_that_is_off_by_more_than_rounding_holds_still_has_a_member(h):
    """NIST's regressions meet it: a = bh - 1 beyond 1e16 rounded sigma to zero, which has no negative power."""
    phi, tau = FAMILIES["self_scaled_broyden"](Ratios(1.0, h, 3))
    assert math.isfinite(phi)
    assert 0 < tau < math.inf
