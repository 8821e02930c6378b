"""`curve_fit` gives SciPy's parameters and covariances, for one data set and for many."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import curve_fit
from thalweg.optimizers.closure.batches.fits import linearize

scipy = pytest.importorskip("scipy.optimize")

RANDOM = np.random.default_rng(0)
T = np.linspace(0, 4, 50)
MANY = np.stack([2.5 * np.exp(-1.3 * T) + 0.5 + 0.1 * RANDOM.normal(size=50) for _ in range(6)])
Y = MANY[0]
EACH = 0.1 + T / 10
TOGETHER = 0.01 * np.exp(-np.abs(T[:, None] - T))
EXACT = {"tolerance_grad": 1e-12, "tolerance_change": 1e-12}
SCIPYS = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14}


def decay(t, a, b, c):
    return a * torch.exp(-b * t) + c


def numpys(t, a, b, c):
    return a * np.exp(-b * t) + c


def test_predictors_are_as_wide_as_the_data():
    """Values of a model in float32 have a loss that is not smooth in float64; the gradient was said not to match it."""
    x, y = torch.arange(5, dtype=torch.float32), torch.tensor([False, False, True, False, True])
    popt, _ = curve_fit(lambda x, a, b: torch.sigmoid(a * x + b), x, y)
    theirs, _ = scipy.curve_fit(lambda x, a, b: 1 / (1 + np.exp(-a * x - b)), x.numpy(), y.numpy().astype(float))
    assert_close(popt, torch.from_numpy(theirs), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sigma": EACH},
        {"sigma": EACH, "absolute_sigma": True},
        {"sigma": 0.3, "absolute_sigma": True},
        {"sigma": TOGETHER},
        {"sigma": TOGETHER, "absolute_sigma": True},
        {"p0": [2, 1, 1]},
        {"bounds": (0, [2.2, 3.0, 1.0])},
        {"bounds": ([-math.inf, 0.0, 0.0], [9.0, math.inf, 0.4])},
        {"loss": "cauchy", "f_scale": 0.05, "bounds": (-9.0, 9.0)},
    ],
    ids=lambda options: " ".join(options),
)
def test_one_data_set(options):
    popt, pcov = curve_fit(decay, T, Y, **options, **EXACT)
    expected, covariance = scipy.curve_fit(numpys, T, Y, **options, **SCIPYS)
    assert_close(popt, torch.tensor(expected), rtol=1e-5, atol=1e-6)
    assert_close(pcov, torch.tensor(covariance), rtol=1e-4, atol=1e-9)


def test_scipys_own_output():
    popt, _, information, message, status = curve_fit(decay, T, Y, full_output=True)
    assert information["nfev"] > 3
    assert_close(information["fvec"], decay(torch.tensor(T), *popt) - torch.tensor(Y))
    assert message
    assert status == 1


def test_data_of_every_kind():
    """Lists, float32 arrays, whole numbers, tensors, and predictors that only the model understands."""
    expected = curve_fit(decay, T, Y)[0]
    assert_close(curve_fit(decay, T.tolist(), Y.tolist())[0], expected)
    assert curve_fit(decay, torch.tensor(T).float(), torch.tensor(Y).float())[0].dtype == torch.float32
    line = curve_fit(lambda x, a, b: a * x + b, [1, 2, 3, 4], [3, 5, 7, 10])[0]
    assert_close(line, torch.tensor([2.3, 0.5], dtype=torch.float64))
    two = curve_fit(lambda x, a, b: a * x[0] + b * x[1], (torch.arange(4.0), torch.ones(4)), [1.0, 3.0, 5.0, 7.5])[0]
    assert_close(two, torch.tensor([2.15, 0.9], dtype=torch.float64))
    named = curve_fit(lambda x, a: a * x["t"], {"t": torch.ones(3)}, [1.0, 2.0, 3.0])[0]
    assert named.item() == pytest.approx(2.0)


def test_a_point_with_infinite_sigma_does_not_count():
    y, sigma = Y.copy(), np.ones(50)
    y[7], sigma[7] = 99.0, math.inf
    left = np.delete(np.arange(50), 7)
    weighed = curve_fit(decay, T, y, sigma=sigma, absolute_sigma=True, **EXACT)
    apart = curve_fit(decay, T[left], Y[left], sigma=np.ones(49), absolute_sigma=True, **EXACT)
    for one, other in zip(weighed, apart, strict=True):
        assert_close(one, other, rtol=1e-6, atol=1e-9)


def test_the_fit_can_be_differentiated_by_the_data():
    """A line's slope moves with each point in proportion to its distance from the middle."""
    x = torch.arange(5.0, dtype=torch.float64)
    y = (2 * x + 1).requires_grad_()
    popt, _ = curve_fit(lambda t, a, b: a * t + b + 0 * t, x, y, differentiable=True, sigma=0.1)
    popt[0].backward()
    assert_close(y.grad, (x - 2) / 10)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (
            (decay, T, Y),
            {"sigma": EACH[:-1]},
            ValueError,
            r"sigma.*shape \(50,\) of ydata.*\(50, 50\), but got \(49,\)",
        ),
        ((decay, T, Y), {"sigma": 0 * EACH}, ValueError, "sigma above 0, but 50 of its 50 numbers are not"),
        ((decay, T, Y), {"sigma": -TOGETHER}, ValueError, "positive definite, as covariances are"),
        ((decay, T, np.where(T > 3, np.nan, Y)), {}, ValueError, "finite ydata, but 13 of its 50"),
        ((decay, np.where(T > 3, np.inf, T), Y), {}, ValueError, "finite xdata"),
        ((decay, [], []), {}, ValueError, "it is empty"),
        ((lambda t, *p: p[0] * t, T, Y), {}, ValueError, "cannot tell how many parameters f has"),
        ((decay, T[:-1], Y), {}, ValueError, r"f to return values of the shape \(50,\) of ydata, but got \(49,\)"),
        ((decay, T, Y), {"max_iter": 1}, RuntimeError, "found no parameters"),
        ((decay, T, Y), {"bounds": (1.0, 0.0)}, ValueError, "are crossed"),
        ((decay, T, Y), {"bounds": ([0.0, 0.0], 1.0)}, ValueError, r"bounds for the 3 parameters of f, but got \(2,\)"),
        ((lambda t, a: (a + 0j) * t, T, Y), {}, TypeError, "f to return real numbers, but their dtype is torch.c"),
        ((decay, T, Y), {"batched": True}, ValueError, r"shape \(batch, m\), but got \(50,\)"),
        ((decay, T, MANY), {"batched": True, "sigma": EACH[:-1]}, ValueError, r"sigma as a number, of shape \(50,\)"),
        ((decay, T, [Y, Y[:-1]]), {"batched": True}, ValueError, r"one shape, but got \(50,\) and \(49,\): fill"),
        ((decay, T, MANY), {"batched": True, "p0": [[1.0, 1.0, 1.0], [1.0, 1.0]]}, ValueError, "p0 to have one shape"),
        ((decay, T, MANY), {"batched": True, "x_scale": 1.0}, ValueError, "has no x_scale"),
    ],
)
def test_bad_input_is_named(arguments, options, error, words):
    with pytest.raises(error, match=words):
        curve_fit(*arguments, **options)


def test_too_few_points_have_no_covariance():
    with pytest.warns(RuntimeWarning, match="2 residuals for 3 parameters leave none over: give more points"):
        popt, pcov = curve_fit(decay, T[:2], Y[:2])
    assert bool(popt.isfinite().all())
    assert bool(pcov.isinf().all())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sigma": EACH, "absolute_sigma": True},
        {"sigma": 0.3, "absolute_sigma": True},
        {"p0": [2, 1, 1]},
        {"bounds": (0, [2.2, 3.0, 1.0])},
        {"loss": "cauchy", "f_scale": 0.05, "bounds": (-9.0, 9.0)},
    ],
    ids=lambda options: " ".join(options),
)
def test_many_data_sets_are_fitted_as_each(options):
    popt, pcov = curve_fit(decay, T, MANY, batched=True, tolerance=1e-13, **options)
    for y, p, covariance in zip(MANY, popt, pcov, strict=True):
        expected, theirs = scipy.curve_fit(numpys, T, y, **options, **SCIPYS)
        assert_close(p, torch.tensor(expected), rtol=1e-5, atol=1e-6)
        assert_close(covariance, torch.tensor(theirs), rtol=1e-3, atol=1e-8)


def test_each_data_set_may_have_its_own_predictors_guesses_and_deviations():
    times, sigma = T + 0.1 * np.arange(6)[:, None], EACH * (1 + np.arange(6)[:, None])
    guesses = torch.tensor([[2.0, 1.0, 1.0]], dtype=torch.float64) + 0.1 * torch.arange(6.0)[:, None]
    popt, pcov = curve_fit(decay, times, MANY, guesses, sigma, absolute_sigma=True, batched=True, tolerance=1e-13)
    for i in range(6):
        expected, theirs = scipy.curve_fit(numpys, times[i], MANY[i], None, sigma[i], absolute_sigma=True, **SCIPYS)
        assert_close(popt[i], torch.tensor(expected), rtol=1e-5, atol=1e-6)
        assert_close(pcov[i], torch.tensor(theirs), rtol=1e-3, atol=1e-8)


def test_models_whose_points_depend_on_each_other_are_found_out(monkeypatch):
    """A running sum: copies of the parameters at each point would give a wrong Jacobian."""
    asked = []
    agree = linearize.agree
    monkeypatch.setattr(linearize, "agree", lambda *given: asked.append(agree(*given)) or asked[-1])

    def summed(t, a, b):
        return torch.cumsum(a * torch.exp(-b * t), -1)

    y = np.cumsum(1.5 * np.exp(-0.8 * T)) + 0.01 * RANDOM.normal(size=(3, 50))
    popt, _ = curve_fit(summed, T, y, [1.0, 1.0], batched=True, tolerance=1e-13)
    assert asked == [False]
    for row, p in zip(y, popt, strict=True):
        alone = scipy.curve_fit(lambda t, a, b: np.cumsum(a * np.exp(-b * t)), T, row, [1.0, 1.0], **SCIPYS)[0]
        assert_close(p, torch.tensor(alone), rtol=1e-5, atol=1e-6)
    curve_fit(decay, T, MANY, batched=True)
    assert asked == [False, True]


def test_a_data_set_that_cannot_be_fitted_is_told_apart():
    y = np.stack([MANY[0], MANY[1]])
    with pytest.warns(RuntimeWarning, match="1 of 2 fits have no covariance"):
        popt, pcov, information, message, _ = curve_fit(
            decay, T, y, [[1.0, 1.0, 1.0], [math.nan, 1.0, 1.0]], batched=True, full_output=True
        )
    assert information["success"].tolist() == [True, False]
    assert "1 of 2" in message
    assert pcov.isinf().all(-1).all(-1).tolist() == [False, True]
    assert_close(popt[0], curve_fit(decay, T, y[0])[0], rtol=1e-4, atol=1e-4)


def test_data_of_zeros_have_a_fit():
    """The model promised to lower a loss of 1e-61 by all of it, so the run was no success."""
    t = torch.linspace(0, 4, 40, dtype=torch.float64)
    popt, _ = curve_fit(lambda t, a, b: a * torch.exp(-b * t), t, torch.zeros_like(t), [1.0, 1.0])
    assert abs(popt[0]) < 1e-15
