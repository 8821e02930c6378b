"""Derivatives of weighed outputs: torch's own bits, without what torch loads for them."""

import sys

import pytest
import torch

from thalweg.optimizers.closure import least_squares, minimize
from thalweg.optimizers.closure.function import weighed
from thalweg.optimizers.closure.function.weighed import weighed_slopes


def outputs_of(x, z):
    """A vector, a matrix whose rows lie apart, and complex numbers."""
    return [x.sin() * x.flip(0), torch.outer(x, x * x)[:, ::2], z * x.exp()]


@pytest.mark.parametrize("few", [0, weighed.FEW], ids=["many numbers", "few numbers"])
def test_slopes_have_the_bits_of_torchs(few, monkeypatch):
    monkeypatch.setattr(weighed, "FEW", few)
    x = torch.linspace(-1, 2, 6, dtype=torch.float64, requires_grad=True)
    z = torch.complex(x.detach().cos(), x.detach()).requires_grad_()
    outputs = outputs_of(x, z)
    weights = [
        torch.linspace(1, 3, one.numel(), dtype=torch.float64).reshape(one.shape).to(one.dtype) for one in outputs
    ]
    weights[2] = weights[2] * (1 - 2j)
    expected = torch.autograd.grad(outputs, (x, z), weights, retain_graph=True)
    with torch.no_grad():
        found = weighed_slopes(outputs, weights, (x, z))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_no_first_call_loads_symbols(monkeypatch):
    """Weights given to torch would import them, and SymPy with them, which takes 0.3 s."""
    monkeypatch.setitem(sys.modules, "torch.fx.experimental.symbolic_shapes", None)

    def rosenbrock(x):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    for method in ("trust-region", "newton-cg"):
        assert minimize(rosenbrock, [-1.2, 1.0], method, hess_inv=True).success
    assert least_squares(lambda x: torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]), [-1.2, 1.0]).success
