"""The user's own Hessian, and the inverse Hessian at an answer."""

import pytest
import torch
from torch.autograd.functional import hessian
from torch.testing import assert_close

from thalweg.optimizers.closure import minimize

START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def valley(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def steep(x):
    return torch.stack((-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)))


@pytest.mark.parametrize("method", ["newton-cg", "trust-region"])
def test_a_given_hessian_takes_the_steps_of_autograds(method):
    own = minimize(valley, START, method)
    calls = []

    def hess(x):
        calls.append(x)
        return hessian(valley, x)

    whole = minimize(valley, START, method, jac=steep, hess=hess)
    products = minimize(valley, START, method, hessp=lambda x, p: hessian(valley, x) @ p)
    for found in (whole, products):
        assert (found.nfev, found.nhev) == (own.nfev, own.nhev)
        assert_close(found.x, own.x)
    assert len(calls) == whole.nhev


def test_a_wrong_hessian_is_used():
    """Products of zero tell a method nothing of the valley, so it must get elsewhere."""
    own = minimize(valley, START, "trust-region")
    none = minimize(valley, START, "trust-region", hessp=lambda x, p: 0 * p, max_iter=30)
    assert none.fun > own.fun


def test_products_for_several_tensors():
    start = {"a": START[0], "b": START[1:]}

    def spread(x):
        return torch.cat((x["a"].reshape(1), x["b"]))

    def hessp(x, p):
        product = hessian(valley, spread(x)) @ spread(p)
        return {"a": product[0], "b": product[1:]}

    found = minimize(lambda x: valley(spread(x)), start, "trust-region", hessp=hessp)
    own = minimize(lambda x: valley(spread(x)), start, "trust-region")
    assert (found.nfev, found.nhev) == (own.nfev, own.nhev)


@pytest.mark.parametrize(
    "options", [{}, {"jac": steep}, {"hess": lambda x: hessian(valley, x)}], ids=["autograd", "differences", "given"]
)
def test_the_inverse_hessian(options):
    """At (1, 1) the Hessian is [[802, -400], [-400, 200]]."""
    found = minimize(valley, START, hess_inv=True, **options)
    expected = torch.tensor([[0.5, 1.0], [1.0, 2.005]], dtype=torch.float64)
    assert_close(found.hess_inv, expected, rtol=1e-4, atol=1e-4)
    later = minimize(valley, START, "newton-cg", **options)
    assert_close(later["hess_inv"], expected, rtol=1e-4, atol=1e-4)
    assert_close(later.hess, torch.tensor([[802.0, -400.0], [-400.0, 200.0]]).double(), rtol=1e-5, atol=1e-3)


def test_a_maximum_bends_down():
    found = minimize(lambda x: -valley(x), START, hess_inv=True, maximize=True)
    assert_close(found.hess_inv, minimize(valley, START, hess_inv=True).hess_inv, rtol=1e-3, atol=1e-3)


def test_numbers_at_a_bound_are_sure():
    found = minimize(valley, START, bounds=(-2.0, 0.5), hess_inv=True)
    assert_close(found.hess_inv, torch.tensor([[0.0, 0.0], [0.0, 1 / 200]], dtype=torch.float64))


@pytest.mark.parametrize("weights", [[1.0, 1.0, 0.0], [0.1, 0.7, 0.3], [1e-5, 3.0, 7.0]])
def test_a_flat_minimum_has_none(weights):
    """Of rank one; what is left of the pivots is rounding, of either sign."""
    line = torch.tensor(weights, dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="no inverse Hessian"):
        found = minimize(lambda x: 0.37 * (x @ line - 1) ** 2, torch.zeros(3).double(), hess_inv=True)
    assert bool(found.hess_inv.isinf().all())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hess": steep, "method": "newton-cg"}, r"matrix of shape \(2, 2\), but its shape is \(2,\)"),
    ],
)
def test_bad_hessians_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        minimize(valley, START, **options)


def test_a_hessian_without_use_is_warned_of_and_waits_for_its_inverse():
    """Programs pass one Hessian to every method; SciPy warns, and ignores products where there is a Hessian."""
    with pytest.warns(RuntimeWarning, match="'cg'. never multiplies by the Hessian, which hess_inv alone"):
        found = minimize(valley, START, "cg", hess=lambda x: hessian(valley, x), hessp=lambda x, p: p)
    assert found.success
    assert_close(found.hess_inv, torch.tensor([[0.5, 1.0], [1.0, 2.005]], dtype=torch.float64), rtol=1e-3, atol=1e-3)
