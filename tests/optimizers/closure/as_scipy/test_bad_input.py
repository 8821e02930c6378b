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
        (lambda: minimize(lambda x: (np.eye(2) @ x).sum(), START), RuntimeError, "which torch.as_tensor makes of arr"),
        (lambda: minimize(lambda x: (np.ones(2) + x).sum(), START), RuntimeError, "which torch.as_tensor makes"),
        (lambda: minimize(lambda x: x.dot(np.ones(2)), START), RuntimeError, "which torch.as_tensor makes"),
        (lambda: least_squares(lambda x: np.ones(2) - x, START), RuntimeError, "which torch.as_tensor makes"),
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


MANY = torch.stack([decay(T, 2.5, 1.3), decay(T, 1.0, 0.4)])
TWO = torch.ones(2, 2, dtype=torch.float64)


def shifted(x):
    return x - 1


def rows(x):
    return (x - 1).square().sum(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: minimize(square, START, bounds=[(0, "a"), (0, 1)]),
            "each bound to be a real number or None, but got 'a'",
        ),
        (lambda: minimize(square, START, bounds=[(0, [1]), (0, 1)]), r"but entry 0 is \(0, \[1\]\)"),
        (lambda: least_squares(shifted, START, bounds=[(0, "a"), (0, 1)]), "low bounds of least_squares .* got 'a'"),
        (lambda: curve_fit(decay, T, T, bounds=(0, [1, "b"])), "high bounds of curve_fit must be numbers, but got 'b'"),
        (lambda: curve_fit(decay, T, T, [1.0, "b"]), "p0 must be numbers, but got 'b' in a list"),
        (lambda: minimize(rows, TWO, bounds=(1j, 2), batched=True), "low bounds to be real"),
        (lambda: curve_fit(decay, T, MANY, bounds=(0, 1j), batched=True), "high bounds to be real"),
        (
            lambda: curve_fit(decay, T, MANY, bounds=(2, 1), batched=True),
            r"2 of 2 are crossed or NaN, such as \(2.0, 1",
        ),
        (lambda: minimize(square, START, bounds=[(0, 1), (2, 1)]), r"1 of 2 are crossed or NaN, such as \(2.0, 1.0"),
        (lambda: curve_fit(decay, T, [T, T[:5]]), r"ydata as real numbers, but got members of shapes \(12,\) and \(5,"),
        (
            lambda: curve_fit(decay, T, MANY, foo=1, batched=True),
            "no option 'foo': it has loss, f_scale, max_iter, tol",
        ),
        (lambda: curve_fit(decay, T, T, x0=1), "curve_fit has no option 'x0'"),
        (lambda: curve_fit(decay, [T, T], T), "a tuple of 2 predictors, but f takes it for one tensor"),
        (
            lambda: curve_fit(lambda t, a: a * t > 1, T, MANY, batched=True),
            "real numbers, but their dtype is torch.bool",
        ),
        (lambda: curve_fit(lambda t, a: None, T, MANY, batched=True), "f to return a tensor, but got None"),
        (lambda: minimize(lambda x: None, TWO, batched=True), "a tensor of one loss per row, but got None"),
        (lambda: least_squares(shifted, TWO, tolerance="a", batched=True), "tolerance, a share .* but got str 'a'"),
        (lambda: least_squares(shifted, TWO, ftol=torch.nan, batched=True), "tolerance, a share .* but got float nan"),
        (lambda: least_squares(shifted, START, ftol="a"), "ftol to be a number, but got str 'a'"),
        (lambda: minimize(square, START, tol="a"), "tol to be a number, but got str 'a'"),
        (
            lambda: curve_fit(decay, T, T, sigma=torch.eye(12) + torch.ones(12, 12).triu(1)),
            "its two halves differ by 1 of",
        ),
        (lambda: curve_fit(decay, T, T, sigma=torch.inf), "a finite sigma for some points"),
        (lambda: curve_fit(decay, T, T[None], sigma=T + torch.inf, batched=True), "a finite sigma for some points"),
        (lambda: curve_fit(decay, T, T, sigma=torch.eye(12) * torch.nan), "some of its numbers are inf or NaN"),
    ],
)
def test_what_was_got_is_named(call, words):
    """Bounds were called ambiguous, crossed ones counted row by row, or these were errors of Python's, or accepted."""
    with pytest.raises((TypeError, ValueError), match=words):
        call()


@pytest.mark.parametrize("value", ["no", 2, [False], torch.ones(2)], ids=repr)
@pytest.mark.parametrize(
    ("call", "flags"),
    [
        (lambda **flag: minimize(square, START, **flag), ("batched", "hess_inv", "differentiable", "deterministic")),
        (lambda **flag: minimize(square, START, options=flag), ("return_all",)),
        (lambda **flag: least_squares(shifted, START, **flag), ("batched", "covariance", "absolute_sigma", "scaled")),
        (lambda **flag: curve_fit(decay, T, T, **flag), ("batched", "absolute_sigma", "full_output", "check_finite")),
    ],
    ids=["minimize", "options", "least_squares", "curve_fit"],
)
def test_what_is_neither_on_nor_off_is_no_flag(call, flags, value):
    """Any word counted as on, "no" as well."""
    for flag in flags:
        with pytest.raises(TypeError, match=f"needs {flag} to be True or False, but got"):
            call(**{flag: value})


def test_flags_may_be_numpys():
    for on in (np.True_, 1, torch.tensor(True)):
        assert "allvecs" in minimize(square, START, options={"return_all": on})
    assert minimize(lambda x: (square(x), 2 * (x - 1)), START, jac=np.True_).success
