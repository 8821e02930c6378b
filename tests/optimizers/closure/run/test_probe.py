"""A gradient that does not match the loss claims no minimum, and no true minimum is called a false one."""

import pytest
import torch

from thalweg.optimizers.closure import LBFGS, least_squares, minimize
from thalweg.optimizers.closure.as_scipy.minimize import METHODS
from thalweg.optimizers.closure.run.lines import directions

D = torch.float64
START = [5.0, 3.0, -2.0, 0.5]


def bowl(x):
    return (torch.tensor([1.0, 2.0, 3.0, 4.0]).to(x) * (x - 1).square()).sum() + x[0] * x[1] / 2


MISMATCHES = {
    "zero": lambda g: 0 * g,
    "a component is zero": lambda g: g * torch.tensor([0, 1, 1, 1]).to(g),
    "shifted": lambda g: g + 3 * g.abs().max().clamp_min(1e-12),
    "a constant": lambda g: torch.tensor([0.3, -0.8, 0.5, 0.1]).to(g),
    "of the wrong sign": lambda g: -g,
    "of another unknown": lambda g: g[[1, 2, 3, 0]],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MISMATCHES)
def test_a_gradient_that_does_not_match_is_named(method, name):
    spoiled = MISMATCHES[name]
    found = minimize(bowl, torch.tensor(START, dtype=D), method, jac=lambda x: spoiled(torch.func.grad(bowl)(x)))
    assert not found.success
    assert "does not match" in found.message


@pytest.mark.parametrize("dtype", [torch.float32, D], ids=str)
@pytest.mark.parametrize("name", ["zero", "a component is zero"])
@pytest.mark.parametrize(
    ("loss", "size", "constant"),
    [(1e-30, 1.0, 0.0), (1e20, 1e-8, 0.0), (1.0, 1e8, 0.0), (1.0, 1.0, 1e3)],
)
def test_at_every_scale(dtype, name, loss, size, constant):
    def scaled(x):
        return loss * (bowl(x / size) + constant)

    spoiled, start = MISMATCHES[name], size * torch.tensor(START, dtype=dtype)
    for x0 in (start, 0 * start) if size == 1 else (start,):
        found = minimize(scaled, x0, jac=lambda x: spoiled(torch.func.grad(scaled)(x)))
        assert not found.success
        assert "does not match" in found.message


def test_a_part_that_is_detached():
    found = minimize(lambda x: bowl(x) + (x.detach() - 3).square().sum(), torch.tensor(START, dtype=D), "bfgs")
    assert not found.success


def test_a_corner_that_a_wrong_sign_drives_to():
    found = minimize(
        lambda x: (x - 0.5).square().sum(), torch.zeros(3, dtype=D), bounds=(0, 1), jac=lambda x: 1 - 2 * x
    )
    assert not found.success
    assert "does not match" in found.message


def test_a_jacobian_that_is_zero():
    fit = least_squares(lambda x: x - 1, torch.tensor([3.0, 2.0], dtype=D), jac=lambda x: torch.zeros(2, 2, dtype=D))
    assert not fit.success
    assert "does not match" in fit.message


def test_a_saddle_is_no_minimum():
    """The gradient is right, and zero: the loss bends down."""
    found = minimize(lambda x: x[0] ** 4 - 5 * x[0] ** 2 + x[1] ** 2, torch.zeros(2, dtype=D))
    assert not found.success
    assert "saddle" in found.message


MINIMA = {
    "a bowl": bowl,
    "one": lambda x: bowl(x) + 1,
    "corners": lambda x: (x - 1).abs().sum(),
    "a corner with other slopes": lambda x: torch.maximum(x - 1, -3 * (x - 1)).sum() + (x[0] + x[1] - 2).abs(),
    "flat": lambda x: (x - 1).square().square().sum() ** 2,
    "waves": lambda x: (1 - (200 * (x - 1)).cos()).sum() + x.sum() / 10,
    "a cube": lambda x: ((x - 1).square() + 0.3 * (x - 1) ** 3).sum(),
    "in float32": lambda x: bowl(x.float()).to(x) + 3,
    "a difference of large numbers": lambda x: (1e4 + bowl(x)) - 1e4,
}


@pytest.mark.parametrize("name", MINIMA)
@pytest.mark.parametrize("dtype", [torch.float32, D], ids=str)
@pytest.mark.parametrize("bounds", [None, (-5, 1.0)])
def test_no_minimum_is_called_false(name, dtype, bounds):
    """From the minimum itself and from beside it, with what the loss's own gradient says."""
    loss = MINIMA[name]
    for near in (0.0, 1e-5, 0.1):
        found = minimize(loss, torch.full((4,), 1 - near, dtype=dtype), bounds=bounds)
        assert "match" not in found.message
        assert "saddle" not in found.message


def test_what_a_probe_costs():
    """One evaluation, which is counted; none beyond the budget; and the parameters stay at the answer."""
    calls = []

    def loss(x):
        calls.append(x.detach().clone())
        return (x - 1).square().sum()

    found = minimize(loss, torch.ones(2, dtype=D))
    assert found.success
    assert found.nfev == len(calls) == 2
    assert minimize(loss, torch.ones(2, dtype=D), max_eval=1).success
    x = torch.ones(2, dtype=D, requires_grad=True)
    optimizer = LBFGS([x])

    def closure():
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimizer.step(closure)
    assert optimizer.result.evaluations == 2
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("bounds", [None, (-5.0, 5.0)])
def test_rows_whose_gradient_does_not_match(method, bounds):
    """Every other row leaves out a part of its gradient; the others keep their success."""
    spoiled = torch.arange(6) % 2 == 0
    starts = torch.tensor([START] * 6, dtype=D)

    def losses(x, spoiled):
        return (x - 1).square().sum(1) + torch.where(spoiled[:, None], x.detach(), 1.0).square().sum(1)

    walls = None if method == "bfgs" else bounds
    found = minimize(losses, starts, method, batched=True, args=(spoiled,), bounds=walls)
    assert found.success.tolist() == (~spoiled).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_function_that_moves_its_unknowns(method):
    def loss(x):
        x.data.add_(0.5)
        return bowl(x)

    with pytest.raises(ValueError, match="changes the parameters"):
        minimize(loss, torch.tensor(START, dtype=D), method)


@pytest.mark.parametrize("dtype", [torch.float32, D], ids=str)
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_rows_at_a_kink_start_anew(method, dtype):
    """Without that, 12 to 36 of 300 rows ended a rounding above the minimum, and said so."""
    starts = torch.randn(100, 2, dtype=D, generator=torch.Generator().manual_seed(0)).mul(2).to(dtype)
    found = minimize(lambda x: (x - 1).abs().sum(1) + (x[:, 0] - x[:, 1]).abs(), starts, method, batched=True)
    assert found.success.all()
    assert float(found.fun.max()) < 1e-6


def test_what_looks_random_is_the_same_however_often_it_is_asked_for():
    x = torch.ones(5)
    first = directions(x)
    kept = first.clone()
    first.zero_()
    assert torch.equal(directions(x), kept)
    assert torch.equal(directions(x.double()), kept.double())
