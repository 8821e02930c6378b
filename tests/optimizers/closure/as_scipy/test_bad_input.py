"""What cannot be done is refused in one sentence, and nothing has changed."""

import numpy as np
import pytest
import torch

from thalweg.optimizers.closure import (
    BFGS,
    CG,
    LBFGS,
    NewtonCG,
    SSBroyden,
    TrustRegion,
    curve_fit,
    least_squares,
    minimize,
)

every_method = pytest.mark.parametrize("make", [LBFGS, CG, BFGS, SSBroyden, NewtonCG, TrustRegion])


@every_method
def test_no_closure(task, make):
    with pytest.raises(TypeError, match=f"{make.__name__}.step needs a closure"):
        task(make).optimizer.step()


@every_method
def test_closure_without_gradient(task, make):
    run = task(make)
    with pytest.raises(RuntimeError, match=r"call loss.backward\(\)"):
        run.optimizer.step(lambda: torch.tensor(1.0))


@every_method
def test_closure_without_loss(task, make):
    with pytest.raises(TypeError, match="returned None"):
        task(make).optimizer.step(lambda: None)


@every_method
def test_loss_of_many_numbers(task, make):
    run = task(make)
    with pytest.raises(ValueError, match=r"shape \(10,\).*loss.mean\(\)"):
        run.optimizer.step(lambda: run.x**2)


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (LBFGS, {"line_search_fn": "wolf"}, ValueError, "line_search_fn to be one of .*'strong_wolfe'.*'wolf'"),
        (CG, {"beta": "fr"}, ValueError, "beta to be one of 'auto', 'shanno', 'hz'"),
        (CG, {"line_search_fn": None}, ValueError, "line_search_fn to be one of"),
        (LBFGS, {"max_iter": 0}, ValueError, "max_iter to be at least 1"),
        (LBFGS, {"max_eval": 2.5}, TypeError, "max_eval to be a whole number"),
        (LBFGS, {"history_size": -1}, ValueError, "history_size"),
        (LBFGS, {"tolerance_grad": -1.0}, ValueError, "tolerance_grad"),
        (LBFGS, {"tolerance_grad": 2.0}, ValueError, r"tolerance_grad in \[0, 1\)"),
    ],
)
def test_options(task, make, options, error, words):
    with pytest.raises(error, match=words):
        task(make, **options)


@every_method
def test_there_is_no_point_before_the_first_step(task, make):
    with pytest.raises(RuntimeError, match=r"call step\(closure\) first"):
        _ = task(make).optimizer.point


def test_a_failed_first_evaluation_changes_nothing(task):
    run = task(LBFGS)
    start = run.x.detach().clone()
    with pytest.raises(RuntimeError):
        run.optimizer.step(lambda: torch.tensor(1.0))
    assert torch.equal(run.x, start)
    assert run.optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("method", ["lbfgs", "trust-region"])
@pytest.mark.parametrize("jac", [None, torch.ones_like], ids=["autograd", "given"])
@pytest.mark.parametrize("returned", [None, "1", (), torch.ones(2), torch.tensor(1j)], ids=repr)
def test_errors_about_fun_speak_of_it(method, jac, returned):
    """They said 'LBFGS.step got a closure', which nobody who calls `minimize` has written."""
    with pytest.raises((TypeError, ValueError), match=r"^(minimize needs fun to|the loss that minimize's fun)"):
        minimize(lambda x: returned, [1.0, 2.0], method, jac=jac)


@pytest.mark.parametrize("returned", [None, 1.0, torch.ones(2, dtype=torch.int64), torch.zeros(0)], ids=repr)
def test_and_errors_about_residuals(returned):
    with pytest.raises((TypeError, ValueError), match=r"^least_squares needs residuals to return"):
        least_squares(lambda x: returned, [1.0, 2.0])


@pytest.mark.parametrize("method", ["lbfgs", "trust-region", "newton-cg"])
def test_what_does_not_depend_on_x_is_no_minimum(method):
    """Though it has a graph, as a network's parameters give it."""
    other = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"^minimize got losses through which no parameter has a gradient"):
        minimize(lambda x: other.sum(), [1.0, 2.0], method)
    with pytest.raises(RuntimeError, match=r"^least_squares got residuals through which no parameter has a gradient"):
        least_squares(lambda x: other * 2, [1.0, 2.0])


def test_a_complex_gradient_is_refused():
    with pytest.raises(TypeError, match="jac must return real numbers"):
        minimize(lambda x: x.sum(), [1.0, 2.0], jac=lambda x: 1j * x)


T = torch.linspace(0, 4, 12, dtype=torch.float64)
START = torch.tensor([3.0, 2.0], dtype=torch.float64)
META = torch.ones(2, device="meta")


def decay(t, a, b):
    return a * torch.exp(-b * t)


def square(x):
    return (x - 1).square().sum()


def limit():
    return torch.ones(2, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: minimize(square, START, return_all=True), TypeError, "'return_all' as options={'return_all': True}"),
        (lambda: minimize(square, START, maxiter=5), TypeError, "options={'maxiter': 5}, or max_iter by name"),
        (lambda: minimize(square, START, callback=lambda a, b, c: None), TypeError, "callback .* needs a, b, c"),
        (lambda: minimize(square, START, "newton-cg", hess=lambda x: 2j * torch.eye(2)), TypeError, "hess must return"),
        (lambda: minimize(lambda x: np.sum(x**2), START), RuntimeError, "without NumPy"),
        (lambda: minimize(square, META), ValueError, "x0 must have numbers, but it is on the meta device"),
        (lambda: curve_fit(decay, T, T.to("meta")), ValueError, "ydata must have numbers"),
        (
            lambda: LBFGS([META.clone().requires_grad_()]).step(lambda: META.sum()),
            ValueError,
            "LBFGS.step .*meta device",
        ),
        (lambda: minimize(lambda m: 0, torch.nn.Linear(2, 1, device="meta")), ValueError, "meta device"),
        (
            lambda: curve_fit(decay, T, torch.stack([T, T]), sigma=np.eye(12), batched=True),
            ValueError,
            "sigma as a num",
        ),
        (lambda: curve_fit(lambda t, a, b: decay(t, a, b) > 0, T, T), TypeError, "curve_fit needs f .*torch.bool"),
        (lambda: curve_fit(decay, T, T, [1j, 1]), TypeError, "curve_fit needs real p0"),
        (lambda: minimize(lambda x: (x > 0).sum(), START), TypeError, "the loss as a float, but got torch.int64"),
        (lambda: LBFGS([limit()]).step(lambda: True), TypeError, "LBFGS.step .* the loss as a float, but got True"),
        (lambda: least_squares(lambda x: x > 0, START), TypeError, "residuals to return floats, but got torch.bool"),
        (lambda: minimize(square, START, callback=lambda *, x: None), TypeError, "callback .* needs x"),
        (lambda: minimize(square, START, bounds=(torch.inf, None)), ValueError, "2 begin at inf or end at -inf"),
        (
            lambda: curve_fit(decay, [T, T[:5]], torch.stack([T, T]), batched=True),
            ValueError,
            "all members of xdata to",
        ),
        (lambda: least_squares(square, START, loss="huber", f_scale=torch.ones(3)), ValueError, "f_scale"),
        (
            lambda: minimize(square, START, bounds=(0, limit()), differentiable=True),
            ValueError,
            "derivatives by bounds",
        ),
        (
            lambda: least_squares(lambda x: x - 1, START, bounds=(-limit(), 5), differentiable=True),
            ValueError,
            "derivatives by bounds",
        ),
    ],
)
def test_what_cannot_be_done_is_named(call, error, words):
    """These were errors of Python's or torch's, spoke of something else, or lost imaginary parts and derivatives."""
    with pytest.raises(error, match=words):
        call()
