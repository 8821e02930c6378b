"""Losses that fall for ever have no minimum, nor have those whose minimum is at infinity; what is flat at zero has."""

import pytest
import torch

from thalweg.optimizers.closure import minimize
from thalweg.optimizers.closure.as_scipy.minimize import METHODS
from thalweg.optimizers.closure.function.objective import Objective
from thalweg.optimizers.closure.run.infinity import runs_away

UNBOUNDED = {
    "linear": lambda x: x.sum(),
    "logarithm": lambda x: -x.log().sum(),
    "concave": lambda x: -x.square().sum(),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", UNBOUNDED)
def test_unbounded_losses(method, name):
    found = minimize(UNBOUNDED[name], torch.tensor([1.0, 2.0]), method, max_eval=1000)
    assert not found.success
    assert "unbounded below" in found.message
    assert bool(found.x.isfinite().all())
    assert found.nfev < 500


def test_numbers_whose_squares_are_infinite_cost_no_more_within_walls():
    """Lengths of pairs overflowed beyond 1e154, so that no pair was taken to the face: 28,404 evaluations."""
    start = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = minimize(UNBOUNDED["logarithm"], start, "lbfgs", bounds=(1e-3, None))
    assert "unbounded below" in found.message
    assert found.nfev < 1000


def test_a_valley_to_infinity_is_no_minimum():
    """1 / (1 + x^2) + exp(-y): both numbers grow for ever, ever more slowly."""
    found = minimize(lambda x: 1 + 1e-3 / (1 + x.abs()).sum(), torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert not found.success
    assert "infinity" in found.message


SEPARABLE = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.5, 3.0]], dtype=torch.float64)
AT_INFINITY = {
    "exponential": lambda x: (-x).exp().sum(),
    "above one": lambda x: (-x).exp().sum() + 1,
    "arc": lambda x: torch.tanh(x).sum(),
    "one number of two": lambda x: (-x[0]).exp() + (x[1] - 5).square(),
    "separable classes": lambda x: torch.nn.functional.softplus(-SEPARABLE @ x).mean(),
}


@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "ssbroyden", "newton-cg", "trust-region"])
@pytest.mark.parametrize("name", AT_INFINITY)
def test_a_minimum_at_infinity_is_none(method, name):
    """Numbers that still grow by a thousandth in the last step are followed: nothing rises, up to twice their size."""
    found = minimize(AT_INFINITY[name], torch.tensor([1.0, 2.0], dtype=torch.float64), method)
    assert not found.success
    assert "infinity" in found.message
    assert found.nfev < 120 or name == "one number of two"  # there L-BFGS takes many trials for each step


OF_ROWS = AT_INFINITY | {"a reciprocal": lambda x: (1 / x.abs()).sum(), "a sum": lambda x: x.sum()}


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_have_no_minimum_at_infinity_either(name, method):
    """All of these rows were called a success; those of 1 / |x| ended at infinite numbers in float32."""
    starts = torch.tensor([[1.0, 2.0], [0.5, 1.5], [3.0, 0.2]], dtype=torch.float64)
    starts = starts.float() if name == "a reciprocal" else starts
    found = minimize(lambda x: torch.stack([OF_ROWS[name](row) for row in x]), starts, method, batched=True)
    assert not found.success.any()
    assert found.nfev < 300
    assert found.x.isfinite().all()


@pytest.mark.parametrize("method", ["bfgs", "lbfgs"])
def test_a_flat_minimum_at_zero_is_not_at_infinity(method):
    """Powell's singular function, from a start where the last step made the numbers larger, though still small."""

    def singular(x):
        a, b, c, d = x
        return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4

    start = [2.5120377901726214, -0.6443814142772948, -0.37911322798393804, 0.6782084724295209]
    found = minimize(singular, torch.tensor(start, dtype=torch.float64), method)
    assert found.success, found.message
    assert found.fun < 1e-20


def test_what_is_flat_at_infinity_has_no_minimum_there():
    """Twice as large is as good: that is no minimum where the first size is lost in rounding, and one elsewhere."""
    flat = Objective(lambda x: (torch.ones(()).double(), torch.zeros(2).double()))
    assert runs_away(flat, flat.at(torch.full((2,), 1e17).double()), 1.0)
    assert not runs_away(flat, flat.at(torch.full((2,), 1e15).double()), 1.0)


PLATEAUS = {
    "an angle's bend": lambda x: -x.tanh().sum(),
    "above five": lambda x: 5 + (-x).exp().sum(),
    "a probability": lambda x: -x.sigmoid().sum(),
    "one number of three": lambda x: 1 + (-x[0]).exp() + (x[1:] - 5).square().sum(),
    "a bent ridge": lambda x: 2 + 1 / (1 + x[0].square()) + (x[1] - x[0].tanh()).square(),
}


@pytest.mark.parametrize("method", ["lbfgs", "cg", "newton-cg", "trust-region"])
@pytest.mark.parametrize("name", PLATEAUS)
def test_a_plateau_of_float32_is_no_minimum(method, name):
    """Most of such runs were called a success, since nothing falls visibly there."""
    start = torch.tensor([[0.9, 1.7, 0.3], [1.4, 0.6, 2.0]])[:, : 3 if name == "one number of three" else 2]
    for x0 in start:
        found = minimize(PLATEAUS[name], x0, method)
        assert not found.success, found
        assert found.nfev < 100


def rows_below(x):
    return 1 - SEPARABLE.to(x) @ x


MINIMA = {
    "hinge": lambda x: rows_below(x).relu().square().mean(),
    "linear hinge": lambda x: rows_below(x).relu().mean(),
    "only ratios count": lambda x: (x * x * x.new_tensor([1.0, 2.0])).sum() / (x * x).sum(),
    "an unseen number": lambda x: 1 + (x[0] - 3).square() + 0 * x[1],
    "only a product counts": lambda x: 1 + (x[0] * x[1] - 30).square(),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", MINIMA)
def test_a_minimum_that_is_flat_on_one_side_is_one(name, dtype):
    for x0 in ([0.9, 1.7], [-3.1, 0.3], [-0.8, 0.1]):
        found = minimize(MINIMA[name], torch.tensor(x0, dtype=dtype))
        assert found.success, found


STARTS_OF_FOUR = torch.tensor(
    [
        [0.2975, -0.2548, -0.1119, 0.2710],
        [-0.5435, 0.3462, -0.1188, 0.2937],
        [0.0803, -0.0707, 0.1601, 0.0285],
        [0.2109, -0.2250, -0.0421, -0.0520],
        [0.2872, -0.2745, 0.3961, -0.4303],
    ]
)
"""First numbers as a small network has them."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "cg"])
def test_residuals_that_cancel_are_no_slope(method, dtype):
    """Beside a loss of exactly zero the noise of a sum, squared, was taken for the slope that the run came down."""
    for x0 in STARTS_OF_FOUR.to(dtype):
        found = minimize(lambda x: x.sum().square(), x0, method)
        assert found.success, found
    if method != "cg":
        rows = minimize(lambda x: x.sum(1).square(), STARTS_OF_FOUR.to(dtype), method, batched=True)
        assert rows.success.all()


def beale(p):
    x, y = p
    return (1.5 - x * (1 - y)) ** 2 + (2.25 - x * (1 - y**2)) ** 2 + (2.625 - x * (1 - y**3)) ** 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "ssbroyden", "cg"])
def test_a_bent_valley_to_infinity_is_no_minimum(method, dtype):
    """Beale's function falls to 0.452 where x goes to -inf and y to 1: the steep sides hide the floor's slope."""
    found = minimize(beale, torch.tensor([-1.5584457518244075, 1.1301003719131506], dtype=dtype), method)
    assert found.fun > 0.45
    assert not found.success


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_rows_in_a_bent_valley_are_at_no_minimum(method):
    """89 of 300 rows of Beale's function in float32 claimed a success on their way to infinity."""
    found = minimize(lambda x: beale(x.T), some_starts(40, torch.float32), method, batched=True)
    assert found.success.any()
    assert not (found.success & (found.fun > 1e-3)).any()


def rows_of(loss):
    return lambda x: torch.stack([loss(row) for row in x])


def some_starts(count, dtype):
    return 1.5 * torch.randn(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("name", PLATEAUS)
def test_rows_on_a_plateau_are_at_no_minimum(name, method, dtype):
    """In float32 most of such rows were called a success, in float64 up to a fifth of them."""
    found = minimize(rows_of(PLATEAUS[name]), some_starts(20, dtype), method, batched=True)
    assert not found.success.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_rows_that_fall_through_zero_are_at_no_minimum(dtype):
    """Those of x^3 that shrink towards zero from above were called a success; those of |x|^3 rightly are."""
    starts = some_starts(100, dtype)
    assert not minimize(lambda x: (x**3).sum(1), starts, batched=True).success.any()
    assert minimize(lambda x: (x.abs() ** 3).sum(1), starts, batched=True).success.all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs", "trust-region"])
@pytest.mark.parametrize("power", [3, 5, 7])
def test_a_run_that_creeps_through_zero_is_at_no_minimum(power, method, dtype):
    """All methods called zero a success from here, L-BFGS and BFGS for the fifth and the seventh power."""
    start = torch.tensor([0.10708270221948624, 0.5070260763168335], dtype=dtype)
    assert not minimize(lambda x: (x**power).sum(), start, method, max_eval=300).success
    assert minimize(lambda x: (x.abs() ** power).sum(), start, method).success


@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
def test_a_loss_that_cancels_large_numbers_has_no_minimum_where_it_is_rounded_to_zero(method):
    """Half of such runs in float32 were called a success, and three quarters of the rows of a batch."""
    starts = some_starts(10, torch.float32)

    def cancelling(x):
        return ((1 + x * x).sqrt() - x).sum(-1)

    assert not any(minimize(cancelling, start, method).success for start in starts)
    assert not minimize(cancelling, starts, method, batched=True).success.any()


@pytest.mark.parametrize("method", ["lbfgs", "cg", "newton-cg"])
def test_a_minimum_on_a_far_wall_is_one(method):
    """The wall was not seen: the loss is lower beyond it, and all such minima were called unbounded."""
    found = minimize(lambda x: (x[0] - 1).square() - x[1], torch.tensor([1.5, 2.0]), method, bounds=(-100.0, 100.0))
    assert found.success, found.message
    assert found.x.tolist() == pytest.approx([1, 100], rel=1e-4)  # where the loss is lost in float32 beside -100


def test_nor_is_it_at_infinity_where_the_first_size_is_lost_at_a_wall():
    """Numbers that a wall stops can grow no more, however small they began."""
    x0 = torch.full((2, 1), 1e-9)
    assert minimize(lambda x: -x.sum(), x0[0], bounds=(-1.0, 100.0)).success
    assert minimize(lambda x: -x.sum(1), x0, bounds=(-1.0, 100.0), batched=True).success.all()


def test_numbers_whose_first_size_is_lost_have_run_away():
    """One number of conjugate gradients was at 1e11, where the loss is zero, and the other at its minimum."""
    start = torch.tensor([1.0122863054275513, 1.5702979564666748])
    assert not minimize(AT_INFINITY["one number of two"], start, "cg").success


OF_ROWS_AT_MINIMA = MINIMA | {
    "cosine": lambda x: -x.cos().sum(),
    "above five": lambda x: 5 + (x - 2).square().sum(),
    "Rosenbrock": lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("method", ["lbfgs", "bfgs"])
@pytest.mark.parametrize("name", OF_ROWS_AT_MINIMA)
def test_rows_at_a_minimum_that_is_flat_on_one_side_are_at_one(name, method, dtype):
    found = minimize(rows_of(OF_ROWS_AT_MINIMA[name]), some_starts(20, dtype), method, batched=True)
    assert found.success.all()
