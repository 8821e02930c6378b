"""`minimize`, `least_squares`, batches and `check_grad`: SciPy's fields on anything made of tensors."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import LevenbergMarquardt, check_grad, least_squares, minimize
from thalweg.optimizers.closure.as_scipy.minimize import METHODS

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def valley(x):
    return 100 * (x[..., 1] - x[..., 0] ** 2) ** 2 + (1 - x[..., 0]) ** 2


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_scipy_finds(method):
    found = minimize(valley, START, method)
    assert_close(found.x, torch.ones(2, dtype=torch.float64))
    assert (found.success, found.status) == (True, 0)
    assert found.fun < 1e-18
    assert found.nit > 5
    assert found.nfev >= found.nit
    assert (found.nhev > 0) == METHODS[method].second_order
    assert START.tolist() == [-1.2, 1.0]


def test_structures_come_back_as_they_went():
    def spread(parts):
        values = parts.values() if isinstance(parts, dict) else parts
        return sum((value - i).abs().square().sum() for i, value in enumerate(values, 1))

    as_list = minimize(spread, [torch.zeros(2), torch.zeros(1, dtype=torch.complex64)])
    assert [part.tolist() for part in as_list.x] == [[1, 1], [2]]
    as_dict = minimize(spread, {"a": torch.zeros(2), "b": torch.zeros(())})
    assert as_dict.x["b"].item() == 2.0
    assert minimize(lambda x: (x - 3) ** 2, 0.0).x.item() == pytest.approx(3.0)


def test_a_module_is_trained_in_place():
    model = torch.nn.Linear(3, 1, dtype=torch.float64)
    data = torch.randn(20, 3, dtype=torch.float64)
    found = minimize(lambda m: (m(data) - data.sum(1, keepdim=True)).square().mean(), model)
    assert found.x is model
    assert_close(model.weight.detach(), torch.ones(1, 3, dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_a_gradient_may_be_given():
    calls = []

    def gradient(x):
        calls.append(1)
        return 2 * (x - 1)

    found = minimize(lambda x: (x - 1).square().sum(), torch.zeros(3), jac=gradient)
    assert_close(found.x, torch.ones(3))
    assert len(calls) == found.njev


@pytest.mark.parametrize("method", METHODS)
def test_the_callback_sees_each_iterate_and_may_stop(method):
    seen = []

    def watch(x):
        seen.append(x)
        return len(seen) == 4

    found = minimize(valley, START, method, callback=watch)
    assert found.nit == len(seen) == 4
    values = [float(valley(x)) for x in seen]
    assert values == sorted(values, reverse=True)
    assert values[-1] == found.fun
    assert found.status == 99
    assert "callback" in found.message


def test_bounds_and_budget():
    found = minimize(valley, START, bounds=(-2.0, 0.5))
    assert_close(found.x, torch.tensor([0.5, 0.25], dtype=torch.float64))
    short = minimize(valley, START, max_eval=7)
    assert short.nfev == 7
    assert short.status == 1


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match=r"method to be one of 'lbfgs'.*'downhill'"):
        minimize(valley, START, "downhill")


def test_whole_numbers_have_no_gradient():
    with pytest.raises(TypeError, match=r"must be of floats.*torch.int64"):
        minimize(valley, torch.zeros(2, dtype=torch.int64))


T = torch.linspace(0, 2, 30, dtype=torch.float64)


def decay(p):
    return p[0] * torch.exp(-p[1] * T) + p[2] - (3 * torch.exp(-1.5 * T) + 0.5)


@pytest.mark.parametrize("options", [{}, {"scaled": True}, {"dense_size": 1}], ids=["dense", "scaled", "matrix-free"])
def test_least_squares_fits_a_curve(options):
    found = least_squares(decay, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), **options)
    assert_close(found.x, torch.tensor([3.0, 1.5, 0.5], dtype=torch.float64))
    assert found.cost < 1e-20
    assert found.nfev < 15


def test_least_squares_with_a_remainder_agrees_with_scipy():
    scipy = pytest.importorskip("scipy.optimize")
    noise = 0.1 * torch.randn(30, dtype=torch.float64)
    found = least_squares(lambda p: decay(p) + noise, torch.ones(3, dtype=torch.float64))
    theirs = scipy.least_squares(lambda p: (decay(torch.tensor(p)) + noise).numpy(), [1.0, 1.0, 1.0], xtol=1e-12)
    assert found.cost == pytest.approx(theirs.cost, rel=1e-10)


def test_the_jacobian_is_the_jacobian_for_long_and_wide_residuals():
    from thalweg.optimizers.closure.function.residual_function import ResidualFunction
    from thalweg.optimizers.closure.function.vector import Vector

    for m in (2, 40):
        weights = torch.randn(m, 5, dtype=torch.float64)
        x = torch.randn(5, dtype=torch.float64, requires_grad=True)
        function = ResidualFunction("test", Vector([x]), lambda w=weights, x=x: torch.tanh(w @ x))
        point = x.detach().clone()
        value, gradient = function(point)
        expected = torch.autograd.functional.jacobian(lambda z, w=weights: torch.tanh(w @ z), point)
        assert_close(function.jacobian(), expected)
        assert_close(gradient, expected.T @ torch.tanh(weights @ point))
        assert_close(function.times(gradient), expected.T @ (expected @ gradient))
        assert value == pytest.approx(0.5 * float(torch.tanh(weights @ point).square().sum()))


def test_levenberg_marquardt_goes_on_from_a_checkpoint():
    def run(stops):
        p = torch.nn.Parameter(torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
        optimizer = LevenbergMarquardt([p], max_iter=2)
        for stop in stops:
            optimizer.step(lambda: decay(p))
            if stop:
                state = optimizer.state_dict()
                optimizer = LevenbergMarquardt([p], max_iter=2)
                optimizer.load_state_dict(state)
        return p.detach()

    assert torch.equal(run([False] * 3), run([True, True, False]))


@pytest.mark.parametrize(
    ("closure", "error", "words"),
    [
        (
            lambda p: 3.0,
            TypeError,
            "least_squares needs residuals to return a real tensor, or a list of them, but got 3.0",
        ),
        (lambda p: torch.ones(3), RuntimeError, "no parameter has a gradient"),
        (lambda p: p[:0], ValueError, "at least one number, but got none"),
    ],
)
def test_bad_residuals_are_named(closure, error, words):
    with pytest.raises(error, match=words):
        least_squares(closure, torch.ones(2))


class TestBatch:
    @pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
    def test_each_row_is_a_problem_of_its_own(self, method):
        starts = START + 0.3 * torch.randn(200, 2, dtype=torch.float64)
        found = minimize(valley, starts, method, batched=True)
        assert bool(found.success.all())
        assert_close(found.x, torch.ones(200, 2, dtype=torch.float64), rtol=1e-3, atol=1e-3)
        alone = minimize(valley, starts[17:18], method, batched=True)
        assert torch.equal(alone.x[0], found.x[17])

    def test_rows_stop_at_different_times_and_bad_ones_fail(self):
        starts = torch.tensor([[1.0, 1.0], [-1.2, 1.0], [float("nan"), 0.0]], dtype=torch.float64)
        found = minimize(valley, starts, batched=True)
        assert found.success.tolist() == [True, True, False]
        assert "2 of 3" in found.message

    @pytest.mark.parametrize(
        "options",
        [{"bounds": (0, 1), "method": "bfgs"}, {"jac": valley}, {"callback": print}, {"max_eval": 9}, {"method": "cg"}],
    )
    def test_what_a_batch_has_no_use_for_is_refused(self, options):
        with pytest.raises(ValueError, match=f"minimize.batched=True.*{next(iter(options))}.*leave it out"):
            minimize(valley, START[None], batched=True, **options)

    def test_iterations_are_limited(self):
        found = minimize(valley, START[None], batched=True, max_iter=3)
        assert found.nit <= 3
        assert (found.success.tolist(), found.status) == ([False], 1)

    def test_rows_that_bend_down_and_flat_starts(self):
        """A quartic with a hill: s'y < 0 at first; one row starts at its minimum."""
        starts = torch.tensor([[0.1, 0.05], [1.0, 1.0]], dtype=torch.float64)
        found = minimize(lambda x: (x**4 / 4 - x**2 / 2).sum(-1), starts, batched=True)
        assert_close(found.x, torch.ones(2, 2, dtype=torch.float64))

    def test_bad_shapes_are_named(self):
        with pytest.raises(ValueError, match=r"shape \(batch, n\), but got \(2,\)"):
            minimize(valley, START, batched=True)
        with pytest.raises(ValueError, match=r"one number per row.*got \(\)"):
            minimize(lambda x: valley(x).sum(), START[None], batched=True)


def closure_of(x, wrong=1.0):
    def closure():
        x.grad = None
        loss = (x**3).abs().sum()
        loss.backward()
        x.grad *= wrong
        return loss

    return closure


def test_check_grad_tells_right_from_wrong():
    x = torch.randn(300, dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    assert check_grad(closure_of(x), [x]) < 1e-8
    assert check_grad(closure_of(x, wrong=1.01), [x]) > 1e-3
    assert torch.equal(x, before)
