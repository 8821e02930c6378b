"""What SciPy's users write is read as SciPy reads it, and refused where it could mean two things."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import LBFGS, NewtonCG, TrustRegion, minimize
from thalweg.optimizers.closure.as_scipy.minimize import METHODS

scipy = pytest.importorskip("scipy.optimize")
HALVES = [0.5, 0.5]


def bowl(x):
    return (x - 3).square().sum()


@pytest.mark.parametrize(
    ("bounds", "answer"),
    [
        (((0, 1), (0, 2)), [1, 2]),
        ([(0, None), (None, 2)], [3, 2]),
        (scipy.Bounds([0, 0], [1, 2]), [1, 2]),
        (scipy.Bounds(0, 2), [2, 2]),
        ((0, 1), [1, 1]),
        ((None, 1), [1, 1]),
        ((torch.tensor([0.0, 0.0]), torch.tensor([1.0, 2.0])), [1, 2]),
        ((torch.tensor(0.0), np.array(1.0)), [1, 1]),
        (np.array([[0, 1], [None, 2]], dtype=object), [1, 2]),
        (None, [3, 3]),
        ([], [3, 3]),
    ],
    ids=str,
)
def test_bounds_of_two_numbers(bounds, answer):
    assert_close(minimize(bowl, HALVES, bounds=bounds).x, torch.tensor(answer, dtype=torch.float64))


@pytest.mark.parametrize("bounds", [np.array([[0, 1], [0, 2], [0, 9]]), [np.array([0, 1]), (0, 2), [0, None]]])
def test_rows_of_three_numbers(bounds):
    assert_close(minimize(bowl, [0.5] * 3, bounds=bounds).x, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))


def test_bounds_of_a_dict():
    found = minimize(
        lambda d: bowl(d["a"]) + bowl(d["b"]), {"a": torch.zeros(2), "b": torch.zeros(1)}, bounds={"a": (0, 1)}
    )
    assert found.x["a"].tolist() == [1, 1]
    assert found.x["b"].tolist() == [3]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (np.array([[0, 1], [0, 2]]), "two numbers, which could be"),
        ((np.zeros(2), np.ones(2)), "two numbers, which could be"),
        ([(1, 0), (0, 2)], "1 of 2 are crossed"),
        ([(math.nan, 0), (0, 2)], "NaN"),
        ([(0, 1)] * 3, "2 in all, but got 3"),
        (np.zeros((3, 2)), r"shape \(2, 2\), but got shape \(3, 2\)"),
        (scipy.Bounds([0, 0, 0], [1, 1, 1]), "2 in all, but got 3"),
        (([0, 0, 0], [1, 1, 1]), r"its shape \(2,\), but it has \(3,\)"),
        ((np.zeros(3), 1), r"its shape \(2,\), but it has \(3,\)"),
    ],
    ids=str,
)
def test_bounds_that_make_no_sense_are_named(bounds, words):
    with pytest.raises(ValueError, match=words):
        minimize(bowl, HALVES, bounds=bounds)


def test_an_entry_that_is_no_pair_is_named():
    with pytest.raises(ValueError, match="3 in all, but entry 1 is None"):
        minimize(bowl, [0.5] * 3, bounds=[(0, 1), None, (0, 1)])
    with pytest.raises(TypeError, match="a real number or None, but got 1j"):
        minimize(bowl, HALVES, bounds=[(0, 1j), (0, 1)])


def test_an_optimizer_refuses_pairs_for_two_numbers():
    with pytest.raises(ValueError, match=r"could be \(low, high\) or one pair"):
        LBFGS([torch.nn.Parameter(torch.zeros(2))], bounds=((0, 1), (0, 2)))


def test_a_method_without_bounds_says_which_have_them():
    with pytest.raises(ValueError, match=r"trust-region.*has no bounds: take one of 'lbfgs', 'cg'"):
        minimize(bowl, HALVES, "trust-region", bounds=(0, 1))


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "TNC", "Newton-CG", "trust-ncg"])
def test_scipys_names(method):
    assert minimize(bowl, HALVES, method).x.tolist() == pytest.approx([3, 3])


def test_the_gradient_may_come_with_the_value():
    found = minimize(lambda x: (float(bowl(x)), (2 * (x - 3)).numpy()), HALVES, jac=True)
    assert found.x.tolist() == pytest.approx([3, 3])
    assert found["x"] is found.x
    assert "fun" in found
    assert found.keys()[:3] == ["x", "fun", "jac"]
    with pytest.raises(KeyError):
        found["y"]


@pytest.mark.parametrize("args", [(2.0, 3.0), 2.0])
def test_arguments_are_passed_on(args):
    found = minimize(lambda x, a, b=1.0: b * (x - a).square().sum(), HALVES, args=args)
    assert found.x.tolist() == pytest.approx([2, 2])


def test_options_and_tol():
    assert minimize(bowl, HALVES, options={"maxiter": 1, "disp": True}).nit == 1
    assert minimize(bowl, HALVES, options={"maxfun": 2}).nfev == 2

    def quartic(x):
        return (x - 3).pow(4).sum() + 1

    assert minimize(quartic, HALVES, tol=1e-2).nfev < minimize(quartic, HALVES).nfev
    with pytest.raises(TypeError, match="no option 'depth'"):
        minimize(bowl, HALVES, options={"depth": 3})
    with pytest.raises(TypeError, match="options to be a dict of names and values, but got list"):
        minimize(bowl, HALVES, options=["maxiter"])
    with pytest.raises(TypeError, match="history_size twice"):
        minimize(bowl, HALVES, options={"maxcor": 3}, history_size=4)


def test_callbacks_stop_by_an_exception_and_may_want_a_result():
    def stop(x):
        raise StopIteration

    assert minimize(bowl, HALVES, callback=stop).nit == 1
    seen = []
    found = minimize(bowl, HALVES, callback=lambda intermediate_result: seen.append(intermediate_result.fun))
    assert seen[-1] == found.fun


TRUTHS = (True, np.True_, torch.tensor(True))


def test_callbacks_of_any_signature_and_any_truth():
    """SciPy's names a parameter for the result; functions without parameters raised Python's own error."""
    told = []
    minimize(bowl, HALVES, callback=lambda: told.append("nothing"))
    minimize(bowl, HALVES, callback=lambda *places: told.append(len(places)))
    minimize(bowl, HALVES, callback=lambda **names: told.append(list(names)))
    assert told[0] == "nothing"
    assert told[-1] == ["intermediate_result"]
    assert 1 in told
    assert [minimize(bowl, HALVES, callback=lambda x, yes=yes: yes).nit for yes in TRUTHS] == [1, 1, 1]
    assert minimize(bowl, HALVES, callback=lambda x: 1).success


def test_nothing_to_move_and_no_rows():
    assert minimize(lambda x: x.sum(), torch.zeros(0)).success
    none = minimize(lambda x: (x - 3).square().sum(-1), torch.zeros(0, 2), batched=True)
    assert (none.x.shape, none.nit) == ((0, 2), 0)
    listed = minimize(lambda x: (x - 3).square().sum(-1), [[0.5, 0.5], [1.0, 2.0]], batched=True)
    assert_close(listed.x, torch.full((2, 2), 3.0, dtype=torch.float64))


@pytest.mark.parametrize("outside", [math.inf, torch.tensor(math.nan)], ids=["inf", "nan"])
@pytest.mark.parametrize("method", METHODS)
def test_a_loss_without_gradient_outside_its_domain_shortens_the_step(method, outside):
    found = minimize(lambda x: (x - x.log()).sum() if bool((x > 0).all()) else outside, [0.001, 50.0], method)
    assert found.success
    assert found.x.tolist() == pytest.approx([1, 1], abs=1e-6)


def test_a_loss_that_depends_on_nothing_is_still_named():
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        minimize(lambda x: 1.0, HALVES)


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("make", [TrustRegion, NewtonCG])
def test_a_graph_that_the_closure_keeps_is_used(make, rosenbrock):
    def products(create_graph):
        x = torch.nn.Parameter(torch.tensor([-1.2, 1.0] * 5, dtype=torch.float64))
        optimizer, calls = make([x], max_iter=10), []

        def closure():
            optimizer.zero_grad()
            loss = rosenbrock(x)
            loss.backward(create_graph=create_graph)
            calls.append(1)
            return loss

        optimizer.step(closure)
        return len(calls), optimizer.result

    calls, result = products(create_graph=True)
    assert calls == result.evaluations
    assert result.hessian_products > 10
    calls, result = products(create_graph=False)
    assert calls == result.evaluations + result.hessian_products


def test_another_dtype_starts_anew(task):
    run = task(LBFGS, max_iter=5, start=torch.tensor([-1.2, 1.0] * 5))
    run.step()
    run.x.data = run.x.data.double()
    run.x.grad = None
    assert run.step(20).success
    assert_close(run.x.detach(), torch.ones(10, dtype=torch.float64))


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg"])
def test_all_points_of_the_run(method):
    """SciPy's CG and Newton-CG have such a list; it begins at x0 and ends at x."""
    found = minimize(lambda x: (x - 1).square().sum() + x[0] ** 4, [3.0, 2.0], method, options={"return_all": True})
    assert len(found.allvecs) == found.nit + 1
    assert found["allvecs"][0].tolist() == [3, 2]
    assert torch.equal(found.allvecs[-1], found.x)
    assert "allvecs" not in minimize(lambda x: (x - 1).square().sum(), [3.0, 2.0], method)
