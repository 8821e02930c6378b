"""What SciPy's users write to `least_squares` and `curve_fit` is read as SciPy reads it, or refused in a sentence."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import curve_fit, least_squares, minimize

scipy = pytest.importorskip("scipy.optimize")

T = torch.linspace(0, 4, 20, dtype=torch.float64)
Y = 2.5 * torch.exp(-1.3 * T) + 0.5 + 0.01 * torch.sin(30 * T)
START = [1.0, 1.0, 0.0]


def decay(t, a, b, c):
    return a * torch.exp(-b * t) + c


def slopes(t, a, b, c):
    grown = torch.exp(-b * t)
    return torch.stack([grown, -a * t * grown, torch.ones_like(t)], 1)


def missed(p):
    return decay(T, *p) - Y


BEST = least_squares(missed, START).x


@pytest.mark.parametrize(
    "options",
    [
        {"method": "lm"},
        {"method": "trf", "ftol": 1e-10, "xtol": 1e-10, "gtol": None},
        {"jac": "2-point", "diff_step": 1e-3},
        {"jac": lambda p: slopes(T, *p)},
        {"jac": lambda p: slopes(T, *p), "loss": "huber", "covariance": True},
        {"max_nfev": 50, "verbose": 0},
        {"max_nfev": None},
        {"x_scale": np.array([2.0, 1.0, 0.5])},
        {"bounds": scipy.Bounds(0, 10)},
        {"bounds": np.array([[0, 0, 0], [10, 10, 10]])},
        {"bounds": ([0], [10, 10, 10])},
    ],
    ids=lambda options: " ".join(options),
)
def test_least_squares_reads_scipys_words(options):
    fit = least_squares(missed, START, **options)
    assert fit.success
    assert_close(fit.x, BEST, rtol=1e-6, atol=0)


def test_evaluations_and_keywords_are_counted_and_passed_on():
    assert least_squares(missed, START, max_nfev=3).nfev == 3
    found = least_squares(lambda p, *, goal: p - goal, [0.0, 0.0], kwargs={"goal": 4.0}, method="lm")
    assert_close(found.x, torch.full((2,), 4.0, dtype=torch.float64))


def test_residuals_may_be_a_list_of_tensors():
    found = least_squares(lambda p: [10 * (p[1] - p[0] ** 2), 1 - p[0]], [-1.2, 1.0])
    assert_close(found.x, torch.ones(2, dtype=torch.float64))


def test_with_a_jacobian_residuals_may_be_computed_with_anything():
    def numpys(p):
        return np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]])

    fit = least_squares(numpys, [-1.2, 1.0], jac=lambda p: np.array([[-20 * p[0], 10], [-1, 0]]))
    theirs = scipy.least_squares(numpys, [-1.2, 1.0], jac=lambda p: np.array([[-20 * p[0], 10], [-1, 0]]))
    assert_close(fit.x.numpy(), theirs.x)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "lm", "maxfev": 100},
        {"check_finite": False, "nan_policy": "raise"},
        {"jac": slopes, "sigma": 0.1},
        {"jac": slopes, "sigma": np.eye(20)},
        {"jac": "3-point"},
        {"bounds": np.array([[0, 0, 0], [9, 9, 9]])},
        {"bounds": scipy.Bounds(0, 9), "p0": START},
    ],
    ids=lambda options: " ".join(options),
)
def test_curve_fit_reads_scipys_words(options):
    popt, pcov = curve_fit(decay, T.numpy(), Y.numpy(), **options)
    assert_close(popt, BEST, rtol=1e-6, atol=0)
    assert_close(pcov, curve_fit(decay, T, Y)[1], rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_arrays_become_float64(dtype):
    popt, _ = curve_fit(lambda t, a: a * t, np.array([1, 2, 3], dtype), np.array([2, 4, 7], dtype))
    assert popt.dtype == torch.float64


def test_predictors_may_be_a_tuple_of_arrays():
    t = T.numpy()
    popt, _ = curve_fit(lambda x, a, b: a * x[0] + b * x[1], (t, t**2), 3 * t - t**2)
    assert_close(popt, torch.tensor([3.0, -1.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: least_squares(missed, START, method="newton"), ValueError, "method to be one of None, 'trf'"),
        (lambda: least_squares(missed, START, jac="4-point"), ValueError, "jac to be a function"),
        (lambda: least_squares(missed, START, jac=lambda _: torch.zeros(3, 3)), ValueError, "shape \\(20, 3\\)"),
        (lambda: least_squares(lambda p: p["a"], {"a": [1.0]}, jac=lambda _: 1), ValueError, "an x0 of one tensor"),
        (lambda: least_squares(missed, [1.0, 1.0], bounds=np.ones((2, 2))), ValueError, "cannot tell whether an array"),
        (lambda: least_squares(missed, START, bounds=3), ValueError, "a pair \\(low, high\\)"),
        (lambda: curve_fit(decay, T, Y, [1, 1]), ValueError, "each parameter of f, 3, but got 2"),
        (lambda: curve_fit(lambda t, a, b=1.0: a * t + b, T, Y, [1, 1, 1]), ValueError, "at most 2, but got 3"),
        (lambda: curve_fit(decay, T, Y + 0j), TypeError, "real ydata"),
        (lambda: curve_fit(decay, T, "data"), TypeError, "ydata as real numbers"),
        (lambda: curve_fit(decay, T, Y, sigma=1j), TypeError, "real sigma"),
        (lambda: curve_fit(decay, T, Y, nan_policy="propagate"), ValueError, "to be one of None, 'raise', 'omit'"),
        (lambda: curve_fit(decay, T, torch.stack([Y, Y]), batched=True, nan_policy="omit"), ValueError, "sigma=inf"),
        (lambda: curve_fit(decay, T, torch.stack([Y, Y]), nan_policy="omit"), ValueError, "of one dimension"),
        (lambda: curve_fit(decay, T, Y, [math.nan, 1, 1]), ValueError, "finite first guesses, but 1 of the 3"),
        (lambda: curve_fit(decay, T, torch.stack([Y, Y]), batched=True, jac=slopes), ValueError, "has no jac"),
        (lambda: minimize(torch.sum, START, constraints={"type": "eq"}), ValueError, "to no constraints"),
        (lambda: minimize(torch.sum, START, hess="exact"), ValueError, "hess to be a function"),
        (
            lambda: minimize(torch.sum, START, "cg", options={"maxcor": 3}),
            TypeError,
            r"^minimize\(method='cg'\) has no option 'maxcor'",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:There is no covariance")
def test_what_cannot_be_read_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("method", [None, "SLSQP", "trust-constr", "trust-exact", "dogleg"])
def test_more_of_scipys_methods(method):
    found = minimize(lambda x: (x - 3).square().sum(), [0.0, 9.0], method, constraints=(), jac="2-point")
    assert_close(found.x, torch.full((2,), 3.0, dtype=torch.float64))
    assert found.get("x") is found.x
    assert dict(found.items())["nit"] == found.nit


@pytest.mark.parametrize("sigma", [None, 0.1, np.linspace(0.1, 0.2, 20), np.diag(np.linspace(0.1, 0.2, 20))])
def test_points_that_are_not_known_are_left_out(sigma):
    def plane(x, a, b):
        return a * x[0] + b * x[1]

    x, y = np.stack([T.numpy(), np.cos(T.numpy())]), Y.numpy().copy()
    x[1, 3], y[7] = math.nan, math.nan
    kept = [index for index in range(20) if index not in (3, 7)]
    rest = sigma if np.ndim(sigma) == 0 else sigma[kept] if sigma.ndim == 1 else sigma[np.ix_(kept, kept)]
    theirs = scipy.curve_fit(plane, x[:, kept], y[kept], sigma=rest)
    for ours, wanted in zip(curve_fit(plane, x, y, sigma=sigma, nan_policy="omit"), theirs, strict=True):
        assert_close(ours.numpy(), wanted, rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="finite ydata, but 1 of its 20"):
        curve_fit(plane, x, y, sigma=sigma, check_finite=False)


def test_data_of_one_number_hold_for_all_points():
    ours = curve_fit(lambda t, a, b: a * t + b - Y, T, 0)
    theirs = curve_fit(lambda t, a, b: a * t + b, T, Y)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "arctan"])
def test_the_jacobian_of_a_robust_fit_is_scipys(loss):
    """Also far out, where SciPy keeps the weight of a residual above the rounding of one."""
    x = np.linspace(0, 4, 40)
    y = 2.5 * np.exp(-1.3 * x) + 0.5 + 3 * (np.arange(40) % 7 == 0)
    options = {"loss": loss, "f_scale": 0.1}
    theirs = scipy.least_squares(
        lambda p: p[0] * np.exp(-p[1] * x) + p[2] - y, [1, 1, 0], gtol=1e-15, xtol=1e-15, ftol=1e-15, **options
    )
    times, data = torch.tensor(x), torch.tensor(y)
    ours = least_squares(lambda p: p[0] * torch.exp(-p[1] * times) + p[2] - data, [1.0, 1.0, 0.0], **options)
    np.testing.assert_allclose(ours.jac.numpy(), theirs.jac, rtol=1e-5, atol=1e-12)
