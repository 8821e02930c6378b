"""Batches of L-BFGS with bounds: every row ends where SciPy's L-BFGS-B does."""

import math

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import minimize
from thalweg.optimizers.closure.batches.losses.lbfgs import Rows, started, two_loops
from thalweg.optimizers.closure.batches.losses.row_losses import RowLosses
from thalweg.optimizers.closure.directions.limited_memory import LimitedMemory
from thalweg.optimizers.closure.function.objective import Point

scipy = pytest.importorskip("scipy.optimize")

GENERATOR = torch.Generator().manual_seed(0)


def chain(x):
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


def random(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=GENERATOR)


def rows_of(x, pairs):
    rows = started(RowLosses(chain, (), len(x)), x, None, len(pairs))
    rows.s, rows.y = (torch.stack([pair[i] for pair in pairs], 1) for i in (0, 1))
    return rows


def test_the_direction_is_that_of_a_single_run():
    x = random(3, 5)
    pairs = []
    for _ in range(4):
        s = random(3, 5) - 0.5
        pairs.append((s, s + 0.3 * random(3, 5) * s.sign()))
    rows = rows_of(x, pairs)
    direction, known = two_loops(rows, rows.gradient, torch.ones_like(x))
    assert bool(known.all())
    for i in range(3):
        memory = LimitedMemory(4)
        for s, y in pairs:
            memory.remember(s[i], y[i], float(torch.dot(s[i], y[i])))
        point = Point(x[i], 0.0, rows.gradient[i])
        assert_close(direction[i], memory(point, None))


def test_stopped_numbers_have_no_direction():
    x = random(2, 4)
    s = random(2, 4)
    rows = rows_of(x, [(s, 2 * s)])
    mask = torch.tensor([[1.0, 0, 1, 1], [0.0, 0, 0, 0]], dtype=torch.float64)
    direction, known = two_loops(rows, rows.gradient * mask, mask)
    assert_close(direction, -0.5 * rows.gradient * mask)
    assert known.tolist() == [True, False]
    assert isinstance(rows, Rows)


@pytest.mark.parametrize("n", [2, 10])
def test_rows_with_bounds_of_their_own_end_where_scipys_do(n):
    low, high = -0.5 - random(40, n), 0.2 + random(40, n)
    found = minimize(chain, torch.zeros(40, n, dtype=torch.float64), batched=True, bounds=(low, high))
    assert bool(found.success.all())
    assert bool(((found.x >= low) & (found.x <= high)).all())
    gradient = torch.autograd.functional.jacobian(lambda x: chain(x).sum(), found.x)
    assert_close(torch.clamp(found.x - gradient, low, high), found.x, rtol=0.0, atol=1e-5)
    for i in range(0, 40, 8):
        theirs = scipy.minimize(
            lambda x: float(chain(torch.tensor(x))),
            [0.0] * n,
            bounds=scipy.Bounds(low[i].numpy(), high[i].numpy()),
            options={"ftol": 1e-14, "maxfun": 10_000},
        )
        assert float(found.fun[i]) == pytest.approx(theirs.fun, rel=1e-5)


def test_one_box_for_all_rows_and_starts_outside():
    found = minimize(chain, [[-5.0, 5.0], [0.1, 0.2]], batched=True, bounds=(-2.0, [0.5, math.inf]))
    assert_close(found.x, torch.tensor([[0.5, 0.25]] * 2, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_scales_change_nothing():
    """Losses times 1e-100 and 1e100 take the same calls."""
    starts = random(20, 4)
    calls = {
        minimize(lambda x, s=scale: s * chain(x), starts, batched=True).nfev for scale in (2.0**-330, 1.0, 2.0**330)
    }
    assert len(calls) == 1


def test_float32_stops():
    found = minimize(chain, random(40, 6).float(), batched=True)
    assert found.nfev < 200
    assert float(found.success.double().mean()) > 0.9
    assert float(found.fun.max()) < 1e-6


def test_no_false_success():
    """One row has no minimum, one no number at its start, one is a bowl."""
    weights = torch.tensor([[1.0, 0.0], [math.nan, 0.0], [0.0, 1.0]], dtype=torch.float64)

    def loss(x):
        if len(x) == 3:
            return (weights[:, 0] * x.sum(1)) + weights[:, 1] * x.square().sum(1)
        return x.sum(1)

    found = minimize(loss, random(3, 2), batched=True, max_iter=40)
    assert not bool(found.success[:2].any())


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_no_rows(method):
    found = minimize(chain, torch.zeros(0, 3), method, batched=True)
    assert (found.x.shape, found.fun.shape, found.success.shape, found.nfev) == ((0, 3), (0,), (0,), 0)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((1.0, 0.0), "of 2 are crossed or NaN"),
        ((torch.zeros(3, 3), 1.0), r"low bound to be a number, of shape \(2,\)"),
        ([(0, 1), (0, 1)], r"bounds as a tuple \(low, high\)"),
    ],
)
def test_bad_bounds_are_named(bounds, words):
    with pytest.raises(ValueError, match=words):
        minimize(chain, random(3, 2), batched=True, bounds=bounds)


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_a_tolerance_is_a_share(method):
    with pytest.raises(ValueError, match=r"tolerance_grad, a share of the loss, to be in \[0, 1\)"):
        minimize(chain, random(2, 6), method, batched=True, tolerance_grad=3.0)


def banana(x):
    return 100 * (x[:, 1] - x[:, 0].square()).square() + (1 - x[:, 0]).square()


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_far_starts_make_no_false_success(method, dtype):
    """1e-8 of a first gradient of 1e9 was taken for zero: 213 of 300 such rows were called a success, far away."""
    found = minimize(banana, (30 * random(40, 2)).to(dtype), method, batched=True)
    assert float(found.success.double().mean()) > 0.8
    assert_close(found.x[found.success], torch.ones_like(found.x)[found.success], rtol=0, atol=1e-5)


def bent_down(x):
    return x[:, 0] ** 2 - x[:, 1] ** 4


def slanting(x):
    return x.square().sum(1) - 3 * x.prod(1) + (x**4).sum(1)


def slanting_in_five(x):
    slant = torch.nn.functional.normalize(torch.linspace(1, 2, 5), dim=0).to(x)
    mirrored = x - 2 * (x @ slant)[:, None] * slant
    return 1 + (mirrored.square() * torch.tensor([-1.0, 2.0, 4.0, 7.0, 10.0]).to(x)).sum(1) + (x**4).sum(1)


NO_MINIMA = {
    "the plateau of a well": (lambda x: (1 - (-((x - 5) ** 2)).exp()).sum(1), [[-30.0, -30.0], [-1.0, 3.0]]),
    "a constant": (lambda x: 3 + 0 * x.sum(1), [[1.0, 2.0], [0.3, -0.7]]),
    "a maximum": (lambda x: 1 - (x**4).sum(1), [[0.0, 0.0]]),
    "a saddle": (bent_down, [[1.0, 0.0], [0.0, 0.0]]),
    "a slanting saddle": (lambda x: 1 + slanting(x), [[0.0, 0.0], [1.0, -1.0], [-2.0, 2.0], [0.3, -0.3]]),
    "a slanting saddle at zero": (slanting, [[0.0, 0.0], [1.0, -1.0]]),
    "a slanting saddle of five": (slanting_in_five, [[0.0] * 5]),
    "one of two at a maximum": (lambda x: x.cos().sum(1), [[0.0, 1.0]]),
    "beside a steep number": (lambda x: (x[:, 0] - 5).tanh() ** 2 + 1e3 * (x[:, 1] - 1) ** 2, [[0.0, 2.0]]),
    "a large constant": (lambda x: 1e6 + (-x).exp().sum(1), [[1.0, 2.0], [0.3, -0.7]]),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("name", NO_MINIMA)
def test_rows_are_asked_what_single_runs_are(name, method, dtype):
    """In one dtype at least each of these rows was called a success; a well beside it may be found."""
    loss, starts = NO_MINIMA[name]
    found = minimize(loss, torch.tensor(starts, dtype=dtype), method, batched=True)
    has_minimum = name in ("the plateau of a well", "beside a steep number")
    assert not (found.success & ~(has_minimum & (found.fun < 1e-6))).any(), found.x


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_rows_at_a_flat_minimum_are_at_one(method, dtype):
    starts = torch.tensor([[1.0, 2.0], [0.3, -0.7], [-1.2, 1.0], [3.0, 0.5]], dtype=dtype)
    for loss in (
        lambda x: 1 + ((x - 1) ** 4).sum(1),
        lambda x: 1e6 + ((x - 3) ** 2).sum(1),
        lambda x: 1 + (x[:, 0] - 3) ** 2 + 0 * x[:, 1],
        lambda x: (1 - x).relu().square().sum(1),
        lambda x: 0 * x.sum(1),
        lambda x: 1 + (x[:, 0] + 2 * x[:, 1]).square(),
    ):
        found = minimize(loss, starts, method, batched=True)
        assert found.success.all(), found.x


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("size", [1e-18, 1e-30, 1e-50])
def test_rows_may_start_next_to_zero(method, size):
    """Thirty trials, each four times as long, did not lead from 1e-18 to the minimum: the rows stayed there."""
    start, target = torch.full((2, 2), size, dtype=torch.float64), torch.tensor([3.0, 6.0], dtype=torch.float64)
    found = minimize(lambda x: (x - target).square().sum(-1), start, method, batched=True)
    assert bool(found.success.all())
    assert_close(found.x, target.expand(2, 2))


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_a_loss_that_cancels_to_zero_is_noise_at_its_minimum(method):
    """A quadratic minus its minimum is rounding of what has cancelled there: no row was a success."""
    bends = torch.tensor([0.05, 0.7, 1.0, 2.5, 9.0], dtype=torch.float64)
    slant = torch.nn.functional.normalize(torch.linspace(1, 2, 5, dtype=torch.float64), dim=0)
    mirror = torch.eye(5, dtype=torch.float64) - 2 * torch.outer(slant, slant)
    hessian, slopes = mirror @ bends.diag() @ mirror, torch.tensor([1.0, -0.4, 0.3, 0.9, -1.3], dtype=torch.float64)
    answer = torch.linalg.solve(hessian, slopes)
    least = float(-slopes @ answer / 2)

    def loss(x):
        return ((x @ hessian) * x).sum(1) / 2 - x @ slopes - least

    starts = torch.tensor([[0.9, 1.9, -1.3, 0.8, 0.1], [-1.4, -0.2, 0.7, 0.3, 1.0], [-0.9, -0.6, -0.9, -1.3, -1.2]])
    found = minimize(loss, torch.cat((starts, starts.flip(0, 1))).double(), method, batched=True)
    assert_close(found.x, answer.expand(6, 5), rtol=0, atol=1e-5)
    assert found.success.sum() >= (5 if method == "lbfgs" else 2)
