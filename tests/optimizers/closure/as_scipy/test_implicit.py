"""The derivative of an answer by what its loss closes over, against finite differences and closed forms."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import curve_fit, least_squares, minimize

T = torch.linspace(0, 3, 30, dtype=torch.float64)
Y = 2 * torch.exp(-T) + 0.1 * torch.sin(9 * T)
START = torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)
EXACT = {"tolerance_grad": 1e-13, "tolerance_change": 1e-15}


def fit(y, **options):
    return least_squares(lambda p: p[0] * torch.exp(-p[1] * T) + p[2] - y, START, **EXACT, max_iter=60, **options).x


@pytest.mark.parametrize("bounds", [None, (0.0, 1.9)])
@pytest.mark.parametrize("loss", ["linear", "huber", "cauchy"])
def test_a_fit_by_its_data(loss, bounds):
    """Central differences with steps of 1e-5 err by about 1e-10; the second derivatives of r must be in."""
    options = {"loss": loss, "f_scale": 0.05, "bounds": bounds}
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    y = Y.clone().requires_grad_()
    x = fit(y, differentiable=True, **options)
    assert torch.equal(x.detach(), fit(Y, **options))
    (x * weights).sum().backward()
    for place in (7, 29):
        step = torch.zeros_like(Y)
        step[place] = 1e-5
        slope = ((fit(Y + step, **options) - fit(Y - step, **options)) * weights).sum() / 2e-5
        assert float(y.grad[place]) == pytest.approx(float(slope), rel=1e-5, abs=1e-7)


def coupled(x, theta):
    """A loss without symmetries; its minimum bends with theta."""
    pair = (x - theta.sin() * x.flip(0)).square().sum()
    return (x[0] - theta[0]) ** 4 + 2 * pair + x.cosh().sum() * theta[1] ** 2 + x[0] * theta[0]


@pytest.mark.parametrize("bounds", [None, (-9.0, 0.01)])
def test_a_minimum_by_a_number_computed_before(bounds):
    """The theta given is no leaf: its graph must survive all evaluations, and only the answer may differentiate it."""
    leaf = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)

    def answer(theta, **options):
        return minimize(
            lambda x: coupled(x, theta), torch.ones(2).double(), bounds=bounds, **EXACT, max_iter=60, **options
        ).x

    x = answer(2 * leaf, differentiable=True)
    assert leaf.grad is None
    jacobian = torch.stack([torch.autograd.grad(number, leaf, retain_graph=True)[0] for number in x])
    for place in (0, 1):
        step = torch.zeros(2, dtype=torch.float64)
        step[place] = 1e-5
        theta = leaf.detach()
        slope = (answer(2 * (theta + step)) - answer(2 * (theta - step))) / 2e-5
        assert_close(jacobian[:, place], slope, rtol=1e-4, atol=1e-6)


def test_structures_and_many_numbers():
    """x* = theta / w in closed form; beyond 500 numbers conjugate gradients solve with the Hessian."""
    theta = torch.linspace(-1, 1, 600, dtype=torch.float64, requires_grad=True)
    weight = torch.linspace(1, 9, 600, dtype=torch.float64)
    start = {"a": torch.zeros(200, dtype=torch.float64), "b": torch.zeros(20, 20, dtype=torch.float64)}

    def loss(x):
        flat = torch.cat((x["a"], x["b"].flatten()))
        return 0.5 * (weight * flat.square()).sum() - (theta * flat).sum()

    found = minimize(loss, start, differentiable=True, **EXACT)
    assert found.x["b"].shape == (20, 20)
    (found.x["a"].sum() + 2 * found.x["b"].sum()).backward()
    assert_close(theta.grad, torch.cat((torch.ones(200), torch.full((400,), 2.0))).double() / weight)


def test_complex_numbers():
    """x* = c z, so the derivative of its real part by z is the conjugate of c."""
    z = torch.tensor(1 + 2j, dtype=torch.complex128, requires_grad=True)
    c = 0.5 - 3j
    start = torch.zeros(1, dtype=z.dtype)
    found = minimize(lambda x: torch.view_as_real(x - c * z).square().sum(), start, differentiable=True)
    found.x.real.sum().backward()
    assert_close(z.grad, torch.tensor(c, dtype=z.dtype).conj().resolve_conj())


def test_a_maximum_and_a_loss_with_its_gradient_have_derivatives():
    """The one had a Hessian of the wrong sign, of the other the pair was differentiated."""
    theta = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True)
    start = torch.zeros(2, dtype=torch.float64)
    highest = minimize(lambda x: -(x - 2 * theta).square().sum(), start, maximize=True, differentiable=True)
    (slope,) = torch.autograd.grad(highest.x.sum(), theta)
    assert_close(slope, torch.full_like(start, 2.0))

    def both(x):
        return (x - 3 * theta).square().sum(), 2 * (x - 3 * theta)

    (slope,) = torch.autograd.grad(minimize(both, start, jac=True, differentiable=True).x.sum(), theta)
    assert_close(slope, torch.full_like(start, 3.0))


def test_what_has_no_derivative_says_so():
    theta = torch.ones(2, dtype=torch.float64, requires_grad=True)
    flat = minimize(lambda x: ((x - theta).sum()) ** 2, torch.zeros(2).double(), differentiable=True)
    with pytest.raises(ValueError, match="no isolated minimum"):
        flat.x.sum().backward()
    with pytest.raises(ValueError, match=r"differentiable=True.*torch.func.functional_call"):
        minimize(lambda m: m(torch.ones(1, 3)).square().sum(), torch.nn.Linear(3, 1), differentiable=True)


BESIDE = torch.linspace(0, 2, 8, dtype=torch.float64)


def fitted(y, **options):
    return least_squares(lambda p: p[0] * torch.exp(-p[1] * BESIDE) - y, [1.0, 1.0], differentiable=True, **options)


def data():
    return (2 * torch.exp(-0.7 * BESIDE) + 0.1 * torch.sin(9 * BESIDE)).requires_grad_()


def test_a_second_derivative_is_refused_rather_than_wrong():
    y = data()
    (slope,) = torch.autograd.grad(fitted(y).x[1], y, create_graph=True)
    with pytest.raises(ValueError, match="has first derivatives only"):
        torch.autograd.grad(slope.sum(), y)


def test_all_derivatives_at_once():
    y = data()
    x = fitted(y).x
    rows = torch.eye(2, dtype=torch.float64)
    together = torch.autograd.grad(x, y, rows, retain_graph=True, is_grads_batched=True)[0]
    alone = [torch.autograd.grad(x, y, row, retain_graph=True)[0] for row in rows]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("asked", [{"covariance": True}, {}])
def test_fields_that_are_computed_later_leave_the_derivative_alone(asked):
    y = data()
    found = fitted(y, **asked)
    assert found.covariance.shape == found.jac.T.shape[:1] * 2
    found.x.sum().backward()
    expected = data()
    fitted(expected).x.sum().backward()
    assert torch.equal(y.grad, expected.grad)
    z = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    least = minimize(lambda x: ((x - z) ** 2).sum(), [1.0], differentiable=True)
    assert least.hess.item() == pytest.approx(2.0)
    assert torch.autograd.grad(least.x.sum(), z)[0] == pytest.approx(1.0)


def test_a_fit_that_was_cut_short_warns():
    with pytest.warns(RuntimeWarning, match="found without success.*max_iter"):
        fitted(data(), max_iter=1)


def test_torchs_transforms_are_refused():
    with pytest.raises(RuntimeError, match=r"cannot run inside torch\.func's grad, jacrev or vmap"):
        torch.func.jacrev(lambda y: fitted(y).x)(data())


def test_how_sure_an_answer_is_has_no_derivative():
    """Left out of a sum, it would make the derivative of the rest look like that of all."""
    y = Y.clone().requires_grad_()
    popt, pcov = curve_fit(lambda t, a, b, c: a * torch.exp(-b * t) + c, T, y, START, differentiable=True)
    with pytest.raises(ValueError, match="the derivative of its covariance was asked for: detach it, or compute"):
        (popt.sum() + pcov.trace()).backward()
    found = minimize(lambda x: (x - y[:2]).square().sum(), [0.0, 0.0], differentiable=True)
    with pytest.raises(ValueError, match="the derivative of its hess_inv was asked for"):
        found.hess_inv.logdet().backward()


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "ssbroyden", "cg", "newton-cg", "trust-region"])
def test_the_derivative_is_that_of_the_answer_by_any_method(method):
    """One number lies on its bound where there are bounds; then the other moves alone."""
    bounded = method in ("ssbroyden", "newton-cg")
    theta = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)

    def answer(theta, **options):
        limits = {"bounds": (-9.0, torch.tensor([9.0, -0.05], dtype=torch.float64))} if bounded else {}
        start = -torch.ones(2, dtype=torch.float64)
        return minimize(lambda x: coupled(x, theta), start, method, **limits, **EXACT, max_iter=100, **options).x

    x = answer(theta, differentiable=True)
    slopes = torch.autograd.grad(x[0], theta)[0]
    steps = 1e-5 * torch.eye(2, dtype=torch.float64)
    for slope, step in zip(slopes, steps, strict=True):
        ahead, back = answer(theta.detach() + step), answer(theta.detach() - step)
        assert float(slope) == pytest.approx(float(ahead[0] - back[0]) / 2e-5, abs=1e-6)
    assert not bounded or float(x[1].detach()) == -0.05
