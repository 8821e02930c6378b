"""Programs as SciPy's and torch's users write them: they work as they do there, or are refused in one sentence."""

import pickle

import numpy as np
import pytest
import scipy.optimize
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import aslinearoperator
from torch.testing import assert_close

from thalweg import LBFGS, Adam, check_grad, curve_fit, least_squares, minimize

START = [1.3, 0.7, 1.9]
MINIMUM = torch.ones(3, dtype=torch.float64)
T = np.linspace(0, 4, 30)
Y = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.01 * np.sin(40 * T)


def rosen(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def hessian(x):
    return scipy.optimize.rosen_hess(np.asarray(x))


def decay(t, height, rate, floor):
    return height * torch.exp(-rate * t) + floor


ARRAYS = {
    "read backwards": np.array(START[::-1])[::-1],
    "of the other order of bytes": np.array(START, ">f8"),
    "of long doubles": np.array(START, np.longdouble),
    "of objects": np.array(START, object),
    "read only": np.broadcast_to(np.float64(1.3), (3,)),
    "of whole numbers": np.array([1, 2, 3]),
    "of conditions": np.array([True, False, True]),
    "a tuple": tuple(START),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ARRAYS)
def test_a_start_may_be_any_array(kind):
    found = minimize(rosen, ARRAYS[kind])
    assert found.success
    assert_close(found.x, MINIMUM, rtol=0, atol=1e-6)


def test_complex_starts_stay_complex():
    found = minimize(lambda x: ((x - (1 + 2j)).abs() ** 2).sum(), [1j, 2.0])
    assert_close(found.x, torch.tensor([1 + 2j] * 2, dtype=torch.complex128))


HESSIANS = {
    "an operator": lambda x: aslinearoperator(hessian(x)),
    "a sparse matrix": lambda x: csr_matrix(hessian(x)),
    "a list": lambda x: hessian(x).tolist(),
    "an array": hessian,
    "an estimate": scipy.optimize.SR1(),
}


@pytest.mark.parametrize("method", ["trust-ncg", "Newton-CG", "trust-constr"])
@pytest.mark.parametrize("kind", HESSIANS)
def test_hessians_of_every_kind(kind, method):
    found = minimize(rosen, START, method, hess=HESSIANS[kind])
    assert found.success
    assert_close(found.x, MINIMUM, rtol=0, atol=1e-6)


JACOBIANS = {
    "a list": lambda x: scipy.optimize.rosen_der(np.asarray(x)).tolist(),
    "a column": lambda x: scipy.optimize.rosen_der(np.asarray(x))[:, None],
    "read backwards": lambda x: scipy.optimize.rosen_der(np.asarray(x))[::-1].copy()[::-1],
}


@pytest.mark.parametrize("kind", JACOBIANS)
def test_gradients_of_every_kind(kind):
    found = minimize(scipy.optimize.rosen, START, jac=JACOBIANS[kind])
    assert_close(found.x, MINIMUM, rtol=0, atol=1e-6)


def test_what_a_callback_is_given():
    """A result that is a mapping, or x and a result, as trust-constr's callbacks want it."""
    told = []
    minimize(rosen, START, callback=lambda intermediate_result: told.append(intermediate_result["fun"]))
    assert told == sorted(told, reverse=True)
    minimize(rosen, START, "trust-constr", callback=lambda x, state: told.append(state.x is x))
    assert told[-1] is True


def test_bounds_may_be_an_iterator():
    found = minimize(rosen, START, bounds=zip([0] * 3, [2, 2, None], strict=True))
    assert_close(found.x, MINIMUM, rtol=0, atol=1e-6)


REFUSED = {
    "NumPy's function": (lambda: minimize(scipy.optimize.rosen, START), "no parameter has a gradient.*give their"),
    "a number": (lambda: minimize(lambda x: float(x.sum().detach()), START), "no parameter has a gradient"),
    "NumPy's residuals": (lambda: least_squares(lambda p: np.exp(-p), START), "got residuals through which"),
    "NumPy's model": (
        lambda: curve_fit(lambda t, a: a * np.exp(-a * t), T, Y),
        "curve_fit got values of f through which",
    ),
    "a short gradient": (lambda: minimize(rosen, START, jac=lambda x: x[:2]), "jac must return one number for each"),
    "no gradient": (lambda: minimize(rosen, START, jac=lambda x: None), "jac must be numbers, but got None"),
    "a loss alone": (lambda: minimize(rosen, START, jac=True), "jac=True.* needs fun to return the loss and its"),
    "a short product": (lambda: minimize(rosen, START, "trust-ncg", hessp=lambda x, p: 3.0), "hessp must return one"),
    "a matrix": (lambda: minimize(rosen, START, "trust-ncg", hess=np.eye(3)), r"got ndarray of shape \(3, 3\)"),
    "a word": (lambda: minimize(rosen, "abc"), "x0 must be numbers, but got 'abc'"),
    "nothing": (lambda: minimize(rosen, None), "x0 must be numbers, but got None"),
    "a sparse start": (lambda: minimize(rosen, torch.eye(3).to_sparse()), r"x0 must be dense.*to_dense\(\)"),
    "arguments by place": (lambda: minimize(rosen, START, (3.0,)), "takes SciPy's args by name"),
    "a word for a loss": (
        lambda: minimize(lambda x: "a", START),
        "fun to return the loss, one real number, but got 'a'",
    ),
    "a complex loss": (lambda: minimize(lambda x: rosen(x) * 1j, START), "needs fun to return one real number"),
    "a callback": (lambda: minimize(rosen, START, callback=3), "callback must be a function of x, but got 3"),
    "a method without gradients": (lambda: minimize(rosen, START, "Powell"), "no method without gradients, such as"),
    "arguments of a model": (lambda: curve_fit(decay, T, Y, args=(1,)), "curve_fit has no args, since f is called"),
    "complex sizes": (lambda: least_squares(lambda p: p, START, x_scale=1 + 2j), "x_scale of x0 to be above"),
    "no evaluations": (lambda: least_squares(lambda p: p, START, max_nfev=0), "max_nfev to be at least 1, but got 0"),
    "a number for a loss": (lambda: minimize(3, START), "minimize needs fun to be a function, but got int 3"),
    "a number for residuals": (lambda: least_squares(3, START), "residuals to be a function, but got int 3"),
    "a number for a model": (lambda: curve_fit(3, T, Y), "curve_fit needs f to be a function, but got int 3"),
    "a number for a gradient": (lambda: check_grad(3, []), "check_grad needs closure to be a function, but got int 3"),
    "a number for a closure": (
        lambda: LBFGS([torch.zeros(1, requires_grad=True)]).step(3),
        "LBFGS.step takes a closure, a function without arguments .* but got int 3",
    ),
    "a number for Adam's closure": (
        lambda: Adam([torch.zeros(1, requires_grad=True)]).step(3),
        "Adam.step takes a closure, a function without arguments .* but got int 3",
    ),
    "two rows of a loss": (lambda: least_squares(lambda p: p, START, loss=lambda z: (z, z)), "three rows of 3"),
    "a word for sizes": (
        lambda: least_squares(lambda p: p, START, x_scale="big"),
        "x_scale to be numbers, or 'jac' for all",
    ),
    "a list of scales": (lambda: least_squares(lambda p: p, START, f_scale=[1.0]), "f_scale.* to be above 0"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_named(kind):
    call, words = REFUSED[kind]
    with pytest.raises((TypeError, ValueError, RuntimeError), match=words) as told:
        call()
    assert "\n" not in str(told.value)


def test_numpys_numbers_are_numbers():
    options = {"maxiter": np.int64(100), "maxfun": 1e3, "gtol": np.array(1e-6)}
    assert minimize(rosen, START, tol=np.float64(1e-8), options=options).success
    fit = least_squares(lambda p: p - 3, START, loss="huber", f_scale=np.array(0.5), max_nfev=1e3, ftol=np.array(1e-8))
    assert fit.success


def test_options_that_are_none_are_left_out():
    assert minimize(rosen, START, options={"maxiter": None, "barrier_tol": 1e-8, "initial_tr_radius": 2}).success
    assert minimize(rosen, START, "TNC", options={"ftol": -1, "xtol": -1.0, "gtol": np.float64(-1)}).success


def scipys_cauchy(z):
    """Write rho as SciPy's manual does."""
    rho = np.empty((3, z.size))
    rho[0], rho[1], rho[2] = np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2
    return rho


def test_a_robust_loss_may_be_numpys():
    t, y = torch.from_numpy(T), torch.from_numpy(Y)
    fits = [least_squares(lambda p: decay(t, *p) - y, [1.0] * 3, loss=loss) for loss in (scipys_cauchy, "cauchy")]
    assert_close(fits[0].x, fits[1].x, rtol=1e-9, atol=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [list, tuple, lambda data: data[::-1].copy()[::-1], lambda data: data.astype(">f8")])
def test_data_may_be_any_array(kind):
    found, _ = curve_fit(decay, kind(T), kind(Y))
    assert_close(found, curve_fit(decay, T, Y)[0], rtol=1e-9, atol=0)


def test_a_model_may_return_a_list():
    found, _ = curve_fit(lambda t, a, b: [a * each + b for each in t], [1, 2, 3], [2, 4, 6.5])
    assert_close(found, torch.tensor([2.25, -1 / 3], dtype=torch.float64))


def test_residuals_that_are_float32_inside():
    """The parameters are float64, and what they meet is not: a least sum is a success, and no wrong gradient."""
    t, y = torch.tensor([1.0, 2, 3]), torch.tensor([2.0, 4, 6.5])
    fit = least_squares(lambda p: p[0] * t + p[1] - y, [1.0, 1.0])
    assert fit.success
    assert_close(fit.x, torch.tensor([2.25, -1 / 3], dtype=torch.float64), rtol=1e-6, atol=0)
    assert "check_grad" not in minimize(lambda x: rosen(x.float()), START).message


def test_a_loss_of_pythons_keeps_its_digits():
    """Closures that return loss.item(): float32 would round it, and every search would fail near the minimum."""
    answers = []
    for convert in (torch.Tensor.item, lambda loss: loss):
        x = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
        optimizer = LBFGS([x], max_iter=100)

        def closure(x=x, optimizer=optimizer, convert=convert):
            optimizer.zero_grad()
            loss = rosen(x)
            loss.backward()
            return convert(loss)

        optimizer.step(closure)
        answers.append(x.detach())
    assert torch.equal(*answers)


def test_a_single_number_is_a_vector():
    """Programs ask for x[0], as SciPy makes a vector of a number."""
    assert minimize(lambda x: (x[0] - 2) ** 2, 0.5).x.tolist() == pytest.approx([2.0])
    assert minimize(lambda x: (x - 2) ** 2, torch.tensor(0.5)).x.shape == ()


@pytest.mark.parametrize("kind", [csr_matrix, aslinearoperator])
@pytest.mark.parametrize("dense_size", [500, 1])
def test_a_jacobian_that_is_no_array(dense_size, kind):
    fit = least_squares(
        lambda x: np.asarray(x) ** 2 - 4, START, lambda x: kind(np.diag(2 * np.asarray(x))), dense_size=dense_size
    )
    assert fit.success
    assert_close(fit.x, 2 * MINIMUM, rtol=1e-6, atol=0)
    assert_close(fit.jac, 4 * torch.eye(3, dtype=torch.float64), rtol=1e-6, atol=0)


FITTED = ("x", "cost", "fun", "jac", "grad", "optimality", "active_mask")


@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
def test_a_fit_has_scipys_fields(loss):
    t, y = torch.from_numpy(T), torch.from_numpy(Y)
    box = (0, [2.0, 9, 9])
    ours = least_squares(lambda p: decay(t, *p) - y, START, bounds=box, loss=loss, f_scale=0.1)
    theirs = scipy.optimize.least_squares(
        lambda p: decay(t, *torch.tensor(p)).numpy() - Y,
        START,
        "2-point",
        box,
        "dogbox",
        **dict.fromkeys(("ftol", "xtol", "gtol"), 1e-12),
        loss=loss,
        f_scale=0.1,
    )
    assert ours.status > 0
    for name in FITTED:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5, err_msg=name)
    assert set(theirs) - set(ours) == set()
    with pytest.raises(AttributeError, match="has no field 'hess_inv', but x, cost"):
        _ = ours.hess_inv
    assert pickle.loads(pickle.dumps(ours)).cost == ours.cost


CALLS = {
    "a fit": lambda: curve_fit(decay, T, Y, START, bounds=(0, [9, 9, 9]), sigma=list(1 + T))[1],
    "a batch of fits": lambda: curve_fit(decay, T, [Y, Y], START, bounds=(0, 9), batched=True)[1],
    "the middle of bounds": lambda: curve_fit(decay, T, Y, bounds=([0, 0, 0], [9, 2, 1]))[0],
    "residuals": lambda: least_squares(lambda p: p**2 - 1, START, bounds=([0, 0, 0], 2), loss="huber").jac,
    "a loss": lambda: minimize(rosen, START, bounds=[(0, 3), (None, 3), (0, None)]).hess_inv,
    "a loss outside its domain": lambda: minimize(lambda x: rosen(x) if (x > 0).all() else np.inf, START).x,
}


@pytest.mark.parametrize("mode", [torch.inference_mode, lambda: torch.device("meta")], ids=["inference", "meta"])
@pytest.mark.parametrize("call", CALLS)
def test_what_a_program_has_switched_on_around_changes_nothing(call, mode):
    """Fits in an evaluation that makes no gradients, or while a model is built on no device."""
    wanted = CALLS[call]()
    with mode():
        assert_close(CALLS[call](), wanted, rtol=0, atol=0)


def test_data_that_inference_has_made():
    with torch.inference_mode():
        t, y, start = torch.from_numpy(T) * 1, torch.from_numpy(Y) * 1, torch.tensor(START) * 1
    assert_close(curve_fit(decay, t, y, start)[0], curve_fit(decay, T, Y, torch.tensor(START))[0], rtol=0, atol=0)


def test_a_result_prints_a_line_for_each_field():
    assert "\n nfev: " in repr(minimize(rosen, START)).replace("    ", "")
