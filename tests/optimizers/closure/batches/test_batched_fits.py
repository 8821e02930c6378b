"""Batches of least squares: every row is what it would be alone, whatever the others are."""

import math

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import curve_fit, least_squares
from thalweg.optimizers.closure.batches.fits import pooled_levenberg_marquardt as batched
from thalweg.optimizers.closure.batches.fits.boxed_step import boxed_step
from thalweg.optimizers.closure.batches.fits.systems import BY_HAND, solve

scipy = pytest.importorskip("scipy.optimize")

T = torch.linspace(0, 4, 30, dtype=torch.float64)
GENERATOR = torch.Generator().manual_seed(0)
TRUTH = 0.5 + 1.5 * torch.rand(60, 3, dtype=torch.float64, generator=GENERATOR)
NOISE = 0.05 * torch.randn(60, 30, dtype=torch.float64, generator=GENERATOR)


def decay(p):
    return p[..., 0:1] * torch.exp(-p[..., 1:2] * T) + p[..., 2:3]


Y = decay(TRUTH) + NOISE
START = torch.ones(60, 3, dtype=torch.float64)


def missed(p, y):
    return decay(p) - y


@pytest.mark.parametrize("n", [1, 2, 5, BY_HAND, BY_HAND + 3])
def test_systems_are_solved_row_by_row(n):
    root = torch.randn(7, n, n, dtype=torch.float64, generator=GENERATOR)
    matrix = root @ root.mT / n + torch.eye(n)
    right = torch.randn(7, n, dtype=torch.float64, generator=GENERATOR)
    assert_close(solve(matrix, right), torch.linalg.solve(matrix, right))


@pytest.mark.parametrize("n", [3, BY_HAND + 3])
def test_an_unknown_that_nothing_depends_on_stays(n):
    matrix = torch.eye(n, dtype=torch.float64)[None].clone()
    matrix[0, 1, 1] = 0.0
    right = torch.ones(1, n, dtype=torch.float64)
    right[0, 1] = 0.0
    assert_close(solve(matrix, right), right)


def test_a_step_along_the_walls_is_scipys():
    """The bounded least squares of a quadratic model, by SciPy's exact method; every row has walls of its own."""
    root = torch.randn(20, 6, 6, dtype=torch.float64, generator=GENERATOR)
    root = root / root.square().sum(1, keepdim=True).sqrt()
    right = torch.randn(20, 6, dtype=torch.float64, generator=GENERATOR)
    low = -0.5 * torch.rand(20, 6, dtype=torch.float64, generator=GENERATOR)
    slope = (root.mT @ right[..., None])[..., 0]
    p, promised = boxed_step(root.mT @ root, slope, torch.zeros(20, dtype=torch.float64), (low, -low))
    assert bool(((p >= low) & (p <= -low)).all())
    for i in range(20):
        best = scipy.lsq_linear(
            root[i].numpy(), -right[i].numpy(), bounds=(low[i].numpy(), -low[i].numpy()), method="bvls"
        )
        most = 0.5 * float(right[i].square().sum()) - best.cost
        assert most * (1 - 1e-7) <= float(promised[i]) <= most * (1 + 1e-9)


@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
@pytest.mark.parametrize("bounds", [None, (0.6, [1.7, 1.5, 9.0])])
def test_rows_are_what_they_are_alone(loss, bounds):
    options = {"loss": loss, "f_scale": 0.05, "bounds": bounds}
    found = least_squares(missed, START, args=(Y,), batched=True, tolerance=1e-13, **options)
    assert found.success.all()
    for i in range(0, 60, 12):
        alone = least_squares(lambda p, i=i: missed(p, Y[i]), START[i], **options)
        assert float(found.cost[i]) == pytest.approx(alone.cost, rel=1e-9)
        assert_close(found.x[i], alone.x, rtol=1e-4, atol=1e-5)


def test_a_pool_with_little_room_changes_nothing(monkeypatch):
    """Rows come and go 64 at a time; each arrives where it does with all at once."""
    starts, y = START.repeat(5, 1), Y.repeat(5, 1) + 0.01 * torch.randn(300, 30, generator=GENERATOR)
    whole = least_squares(missed, starts, args=(y,), batched=True, tolerance=1e-13)
    monkeypatch.setattr(batched, "NUMBERS_IN_POOL", 64)
    pooled = least_squares(missed, starts, args=(y,), batched=True, tolerance=1e-13)
    assert bool(pooled.success.all())
    assert pooled.nfev > whole.nfev
    assert_close(pooled.x, whole.x, rtol=1e-6, atol=1e-6)


def test_a_given_jacobian_is_used():
    calls = []

    def jac(p, y):
        calls.append(len(p))
        e = torch.exp(-p[:, 1:2] * T)
        return torch.stack((e, -p[:, 0:1] * T * e, torch.ones_like(e)), -1)

    found = least_squares(missed, START, args=(Y,), batched=True, jac=jac)
    assert len(calls) == found.njev
    assert_close(found.x, least_squares(missed, START, args=(Y,), batched=True).x, rtol=1e-9, atol=1e-9)


def test_the_covariance_of_each_row():
    found = least_squares(missed, START, args=(Y,), batched=True, covariance=True, tolerance=1e-13)
    for i in (0, 31):
        alone = least_squares(lambda p, i=i: missed(p, Y[i]), START[i], covariance=True)
        assert_close(found.covariance[i], alone.covariance, rtol=1e-5, atol=1e-12)


def test_exact_fits_and_scales():
    """Residuals of zero at the answer, losses of 1e-40 and 1e40, numbers of 1e-9: the same evaluations."""
    calls = set()
    for scale, unit in ((1.0, 1.0), (1e-20, 1.0), (1e20, 1e-9)):
        found = least_squares(
            lambda p, y, s=scale, u=unit: s * (decay(p / u) - y), START * unit, args=(decay(TRUTH),), batched=True
        )
        assert bool(found.success.all())
        assert_close(found.x / unit, TRUTH, rtol=1e-6, atol=1e-6)
        calls.add(found.nfev)
    assert len(calls) == 1


def test_float32_stops_at_what_it_can_tell():
    found = least_squares(lambda p, y: decay(p).float() - y, START.float(), args=(Y.float(),), batched=True)
    exact = least_squares(missed, START, args=(Y,), batched=True)
    assert bool(found.success.all())
    assert found.x.dtype == torch.float32
    assert found.nfev < 40
    assert_close(found.x.double(), exact.x, rtol=2e-3, atol=2e-3)


def test_no_false_success():
    """A row that starts at no number, one whose residuals only grow where it goes, one with no minimum at all."""

    def residuals(p, kind):
        falls = torch.exp(-p)
        return torch.where(kind == 0, p - 3, torch.where(kind == 1, falls, p / p.sign().sub(1))).reshape(-1, 1)

    kinds = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    found = least_squares(residuals, torch.ones(3, 1, dtype=torch.float64), args=(kinds,), batched=True, max_iter=30)
    assert found.success.tolist() == [True, False, False]
    assert "1 of 3" in found.message
    assert found.x[0].item() == pytest.approx(3.0)
    assert math.isnan(found.cost[2]) or found.cost[2] == math.inf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_whose_minimum_lies_at_infinity_is_no_success(dtype):
    """A line fitted by a curve that bends, a step fitted by a logistic curve; other numbers may grow as they like."""
    t = torch.linspace(0.1, 10, 40, dtype=dtype)
    line, bent = 2 * t, 3e5 * t / (2 + t) + 10 * torch.sin(9 * t)

    def residuals(p, y):
        return p[:, :1] * t / (p[:, 1:] + t) - y

    fits = least_squares(residuals, torch.ones(2, 2, dtype=dtype), args=(torch.stack([line, bent]),), batched=True)
    assert fits.success.tolist() == [False, True]
    edge = (t > 5.02).to(dtype)[None]
    with pytest.warns(RuntimeWarning, match="no covariance"):
        logistic = curve_fit(
            lambda t, a, b: torch.sigmoid(a * (t - b)), t, edge, [1.0, 4.0], batched=True, full_output=True
        )
    assert logistic[2]["success"].tolist() == [False]
    assert bool(logistic[1].isinf().all())


def test_a_wrong_jacobian_is_no_success():
    """Nothing is lower along its steps, though they promise much."""

    def wrong(p, y):
        return p.new_ones(len(p), 30, 3) * torch.tensor([1.0, 2.0, -1.0])

    found = least_squares(missed, START, args=(Y,), batched=True, jac=wrong, max_iter=40)
    assert not bool(found.success.any())


def test_no_rows_give_no_answers():
    found = least_squares(missed, START[:0], args=(Y[:0],), batched=True)
    assert (found.x.shape, found.success.shape, found.nfev) == ((0, 3), (0,), 0)


@pytest.mark.parametrize(
    ("start", "options", "error", "words"),
    [
        (START[0], {}, ValueError, r"x0 of shape \(batch, n\), but got \(3,\)"),
        (START.long(), {}, TypeError, r"x0.double\(\)"),
        ([START[0], START[0, :2]], {}, ValueError, r"members of x0 to have one shape, but got \(3,\) and \(2,\)"),
        (START, {"args": (Y[:7],)}, ValueError, r"a row of args\[0\] for each of the 60 problems.*\(7, 30\)"),
        (START, {"bounds": (1.0, 0.0)}, ValueError, "3 of 3 are crossed or NaN"),
        (START, {"bounds": (0.0, math.nan)}, ValueError, "3 of 3 are crossed or NaN"),
        (START, {"bounds": ([0.0, 0.0], 1.0)}, ValueError, r"low bound to be a number, of shape \(3,\)"),
        (START, {"bounds": 1.0}, ValueError, r"bounds as a pair \(low, high\), but got 1.0"),
        (START, {"callback": print}, ValueError, "has no callback"),
        (START, {"jac": lambda p, y: p}, ValueError, r"shape \(1, 30, 3\), but got \(1, 3\)"),
    ],
)
def test_bad_input_is_named(start, options, error, words):
    with pytest.raises(error, match=words):
        least_squares(missed, start, batched=True, **{"args": (Y,), **options})


@pytest.mark.parametrize(
    ("residuals", "error", "words"),
    [
        (
            lambda p: p.sum(),
            ValueError,
            r"residuals of shape \(b, m\) for x of shape \(b, n\), but got \(\) for \(1, 3\)",
        ),
        (lambda p: p * 1j, TypeError, "residuals as a real tensor, but got torch.complex128"),
        (lambda p: 3.0, TypeError, "but got float"),
    ],
)
def test_bad_residuals_are_named(residuals, error, words):
    with pytest.raises(error, match=words):
        least_squares(residuals, START, batched=True)
