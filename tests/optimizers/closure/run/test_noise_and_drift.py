"""Numbers that still drift are not at rest, and rounding that is larger than the loss's own is no kink."""

import pytest
import torch

from thalweg.optimizers.closure import minimize

D = torch.float64
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, D], ids=str)
some_methods = pytest.mark.parametrize("method", ["lbfgs", "bfgs", "cg", "trust-region"])

WELLS = {
    "Gaussian": lambda x: 1 - (-((x[0] - 5) ** 2)).exp() + 1e3 * (x[1] - 1) ** 2,
    "tanh": lambda x: (x[0] - 5).tanh() ** 2 + 1e3 * (x[1] - 1) ** 2,
}


@every_dtype
@some_methods
@pytest.mark.parametrize("name", WELLS)
def test_a_number_that_has_hardly_left_zero_drifts_beside_a_steep_one(name, method, dtype):
    """The steep number hid the slope of the other, which had moved by 1e-13, and was measured by that."""
    found = minimize(WELLS[name], torch.tensor([0.0, 2.0], dtype=dtype), method)
    assert found.success == (found.fun < 1e-6), found


@some_methods
@pytest.mark.parametrize("constant", [1e6, 1e8])
def test_slopes_tell_what_a_large_constant_hides(method, constant):
    """No change of exp(-x) can be seen beside 1e8 in float32, but its slopes all lead away."""
    for start in ([1.0, 2.0], [0.3, -0.7], [-1.2, 1.0]):
        found = minimize(lambda x: constant + (-x).exp().sum(), torch.tensor(start), method)
        assert not found.success, found
        found = minimize(lambda x: 1e6 + (x - 3).square().sum(), torch.tensor(start), method)
        assert found.success, found


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "cg"])
def test_a_step_from_one_plateau_to_another_has_leapt_over_the_well(method):
    """The loss was 1 at both ends, so that nobody looked back."""
    well = WELLS["Gaussian"]
    found = minimize(well, torch.tensor([-1.0, 1.0], dtype=D), method)
    assert found.success == (found.fun < 1e-6), found


@every_dtype
@pytest.mark.parametrize("method", ["bfgs", "cg", "trust-region"])
@pytest.mark.parametrize("start", [[0.0, 2.0], [3.0, -1.0], [8.0, 0.5], [4.5, 1.0]], ids=str)
def test_a_loss_of_zero_that_is_rounding_of_one_is_minimal(start, method, dtype):
    """1 - exp(-x^2) is zero already where x is a root of the rounding, and slopes still promised a little less."""
    found = minimize(
        lambda x: 1 - (-((x[0] - 5) ** 2)).exp() + (x[1] - 1) ** 2, torch.tensor(start, dtype=dtype), method
    )
    assert "kink" not in found.message
    assert found.success == (found.fun < 1e-6), found


@every_dtype
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "cg", "trust-region"])
def test_a_constant_taken_away_makes_no_kink(method, dtype):
    """A bowl whose minimum cancels to zero: 62 of 288 such runs said that they met a kink or noise."""
    generator = torch.Generator().manual_seed(3)
    for n in (3, 8, 20):
        root = torch.randn(n, n, generator=generator, dtype=D)
        hessian = root @ root.T + 0.05 * torch.eye(n, dtype=D)
        linear = torch.randn(n, generator=generator, dtype=D)
        least = -0.5 * linear @ torch.linalg.solve(hessian, linear)
        h, b, c = hessian.to(dtype), linear.to(dtype), least.to(dtype)
        start = torch.randn(n, generator=generator, dtype=D).to(dtype)
        found = minimize(lambda x, h=h, b=b, c=c: 0.5 * x @ (h @ x) - b @ x - c, start, method)
        assert found.success, (n, found.message)


def exponential(p, t):
    return p[0] * (-p[1] * t).exp() + p[2]


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "ssbroyden", "cg", "trust-region", "newton-cg"])
def test_a_model_of_float32_beside_data_of_float64(method, rosenbrock):
    """Its rounding was taken for a kink, or for a gradient that does not match."""
    t = torch.linspace(0, 4, 40)
    data = exponential([2.5, torch.tensor(1.3, dtype=D), 0.5], t.to(D)) + 0.01 * (7 * t.to(D)).sin()
    for start in ([1.0, 1.0, 0.0], [2.0, 0.5, 1.0], [4.0, 2.0, 0.2]):
        x0 = torch.tensor(start, dtype=D)
        found = minimize(lambda p: (exponential(p.float(), t).to(D) - data).square().sum(), x0, method)
        assert found.success, found
    for start in ([1.0, 2.0], [0.3, -0.7], [-1.2, 1.0]):
        for constant in (0.0, 3.0):
            x0 = torch.tensor(start, dtype=D)
            found = minimize(lambda x, c=constant: (c + rosenbrock(x.float())).to(D), x0, method)
            assert found.success, found
            assert found.x.tolist() == pytest.approx([1, 1], abs=2e-3)


@pytest.mark.parametrize("method", ["bfgs", "ssbroyden"])
def test_slopes_whose_squares_are_lost_divide_nothing(method):
    """Far along exp(-x) a change of the gradient, squared, is zero: the update of the matrix divided by it."""
    start = torch.tensor([0.3, -0.7], dtype=D)
    assert not minimize(lambda x: (-x[0]).exp() + (x[0] - 2 * x[1]) ** 2, start, method).success
