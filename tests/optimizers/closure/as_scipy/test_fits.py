"""`least_squares` with bounds, robust losses, scales and float32, held against SciPy and plain floats."""

import math

import pytest
import torch
from torch.autograd.functional import hessian
from torch.testing import assert_close

from thalweg.optimizers.closure import LevenbergMarquardt, least_squares
from thalweg.optimizers.closure.function.robust import LOSSES, Robust

scipy = pytest.importorskip("scipy.optimize")

T = torch.linspace(0, 4, 40, dtype=torch.float64)
NOISE = 0.05 * torch.randn(40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
OUTLIERS = torch.zeros(40, dtype=torch.float64).index_fill_(0, torch.tensor([5, 11]), 3.0)
START = [1.0, 1.0, 0.1]


def decay(p):
    return p[0] * torch.exp(-p[1] * T) + p[2] - (2.5 * torch.exp(-1.3 * T) + 0.5 + NOISE + OUTLIERS)


def scipys(residuals, start, **options):
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    return scipy.least_squares(
        lambda p: residuals(torch.tensor(p)).numpy(),
        start,
        jac=lambda p: torch.func.jacrev(residuals)(torch.tensor(p)).numpy(),
        **{**tight, **options},
    )


@pytest.mark.parametrize("bounds", [(-math.inf, math.inf), ([0, 0, 0.0], [2.2, 3, 0.6]), (0.05, [5.0, 1.1, 5.0])])
@pytest.mark.parametrize("loss", ["linear", *LOSSES])
def test_bounds_and_losses_are_scipys(loss, bounds):
    found = least_squares(decay, START, bounds=bounds, loss=loss, f_scale=0.1)
    theirs = scipys(decay, START, bounds=bounds, loss=loss, f_scale=0.1)
    assert found.success
    assert found.cost == pytest.approx(theirs.cost, rel=1e-8)
    assert_close(found.x, torch.tensor(theirs.x), rtol=1e-4, atol=1e-4)
    assert bool((found.x >= torch.tensor(bounds[0])).all())
    assert bool((found.x <= torch.tensor(bounds[1])).all())


PLAIN = {
    "huber": lambda z: z if z <= 1 else 2 * math.sqrt(z) - 1,
    "soft_l1": lambda z: 2 * (math.sqrt(1 + z) - 1),
    "cauchy": lambda z: math.log(1 + z),
    "arctan": math.atan,
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_and_its_derivatives(name):
    z = torch.tensor([0.0, 0.2, 0.9, 1.7, 40.0], dtype=torch.float64, requires_grad=True)
    value, slope, bend = LOSSES[name](z)
    assert_close(value.detach(), torch.tensor([PLAIN[name](float(number)) for number in z.detach()]).double())
    (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), z)
    assert_close(slope, first)
    assert_close(bend.detach(), second)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_keep_the_gradient_and_bend_upwards(name):
    """The weighted residuals have the robust gradient; the weighted J'J is its Hessian where that bends enough."""
    residuals = torch.tensor([0.1, -0.5, 3.0], dtype=torch.float64)
    jacobian = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    robust = Robust(LOSSES[name], 0.7)
    weights = robust.weights(residuals, 1e-3)
    weighted = weights.jacobian(jacobian)

    def cost(p):
        return robust.cost(residuals + jacobian @ p)

    zero = torch.zeros(2, dtype=torch.float64)
    assert_close(weighted.T @ weights.residuals(residuals), torch.func.grad(cost)(zero))
    assert bool((weights.bend >= 1e-3 * weights.slope).all())
    if name in ("huber", "soft_l1"):
        easy = Robust(LOSSES[name], 7.0)
        bent = easy.weights(residuals, 1e-3).jacobian(jacobian)
        assert_close(bent.T @ bent, hessian(lambda p: easy.cost(residuals + jacobian @ p), zero))


def test_a_loss_may_be_a_function():
    mine = least_squares(decay, START, loss=lambda z: (z.log1p(), 1 / (1 + z), -1 / (1 + z) ** 2), f_scale=0.1)
    named = least_squares(decay, START, loss="cauchy", f_scale=0.1)
    assert torch.equal(mine.x, named.x)


def test_an_outlier_counts_for_little():
    """Without the outliers the fit is what arctan's finds with them, as far as they matter at all."""
    robust = least_squares(decay, START, loss="arctan", f_scale=0.1)
    clean = least_squares(lambda p: decay(p) + OUTLIERS, START, loss="arctan", f_scale=0.1)
    plain = least_squares(decay, START)
    assert (robust.x - clean.x).norm() < 0.05 * (plain.x - clean.x).norm()


@pytest.mark.parametrize("seed", range(12))
def test_linear_residuals_in_a_box_end_where_scipys_exact_method_does(seed):
    """SciPy's lsq_linear (BVLS) solves the convex problem exactly; about half of the numbers end on a wall."""
    generator = torch.Generator().manual_seed(seed)
    matrix, right = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((12, 8), (12,)))
    box = (torch.full((8,), -0.2, dtype=torch.float64), torch.full((8,), 0.15, dtype=torch.float64))
    start = torch.full((8,), 0.0371, dtype=torch.float64)
    found = least_squares(lambda p: matrix @ p - right, start, bounds=box)
    theirs = scipy.lsq_linear(matrix.numpy(), right.numpy(), bounds=(-0.2, 0.15), method="bvls")
    assert_close(found.x, torch.tensor(theirs.x), rtol=1e-7, atol=1e-8)
    stopped = (found.x == -0.2) | (found.x == 0.15)
    assert stopped.tolist() == (theirs.active_mask != 0).tolist()
    assert found.nfev < 20


def test_a_fixed_number_and_a_box_that_stops_everything():
    fixed = least_squares(decay, START, bounds=([0.0, 1.2, 0.0], [9.0, 1.2, 9.0]))
    assert fixed.x[1].item() == 1.2
    free = least_squares(lambda p: decay(torch.stack((p[0], torch.tensor(1.2, dtype=torch.float64), p[1]))), [1.0, 0.1])
    assert fixed.cost == pytest.approx(free.cost, rel=1e-9)
    corner = least_squares(decay, START, bounds=([0.0, 3.0, 0.0], [0.1, 4.0, 0.1]))
    assert (corner.x.tolist(), corner.success) == ([0.1, 3.0, 0.1], True)


def test_bounds_of_dicts_lists_and_scipys_object():
    named = least_squares(
        lambda p: decay(torch.stack((p["height"], p["rate"], p["floor"]))),
        {"height": 1.0, "rate": 1.0, "floor": 0.1},
        bounds={"height": (None, 2.2), "floor": (0, 0.6)},
    )
    low, high = [-math.inf, -math.inf, 0], [2.2, math.inf, 0.6]
    flat = least_squares(decay, START, bounds=scipy.Bounds(low, high))
    assert named.x["height"].item() == 2.2
    assert_close(torch.stack(list(named.x.values())), flat.x, rtol=1e-6, atol=1e-6)
    listed = least_squares(
        lambda p: decay(torch.cat(p)),
        [torch.ones(2, dtype=torch.float64), torch.ones(1, dtype=torch.float64)],
        bounds=[(None, torch.tensor([2.2, 9.0])), (0.0, 0.6)],
    )
    assert_close(torch.cat(listed.x), flat.x, rtol=1e-6, atol=1e-6)


def test_many_numbers_stay_in_their_box():
    """Beyond `dense_size`, with bounds, L-BFGS finds the same walls."""
    dense = least_squares(decay, START, bounds=(-math.inf, [2.2, 3, 0.45]))
    wide = least_squares(decay, START, bounds=(-math.inf, [2.2, 3, 0.45]), dense_size=1)
    assert_close(wide.x, dense.x, rtol=1e-5, atol=1e-5)
    robust = least_squares(decay, START, loss="cauchy", f_scale=0.1, dense_size=1)
    assert robust.cost == pytest.approx(least_squares(decay, START, loss="cauchy", f_scale=0.1).cost, rel=1e-7)


@pytest.mark.parametrize("sizes", [[1e6, 1.0, 1e-6], torch.tensor([1e-9, 1e3, 1.0])])
def test_x_scale_makes_units_nobody_sees(sizes):
    """Numbers measured in their sizes take the very steps of numbers of size one."""
    unit = torch.as_tensor(sizes).double()
    steps = {"tolerance_grad": 0, "tolerance_change": 0, "max_iter": 9}
    plain = least_squares(decay, START, **steps)
    scaled = least_squares(lambda p: decay(p / unit), torch.tensor(START).double() * unit, x_scale=sizes, **steps)
    assert scaled.nfev == plain.nfev
    assert_close(scaled.x / unit, plain.x, rtol=1e-9, atol=1e-9)


def test_x_scale_jac_is_scaled():
    jac, scaled = least_squares(decay, START, x_scale="jac"), least_squares(decay, START, scaled=True)
    assert torch.equal(jac.x, scaled.x)


def test_float32_finds_what_float64_finds():
    """Squares of 1e5, and columns of J that differ by 1e6: solved in float64, whatever the parameters are kept in."""
    t = torch.linspace(0, 4, 40)
    y = 2.5 * torch.exp(-1.3 * t) + 0.5
    far = least_squares(lambda p: p[0] * torch.exp(-p[1] * t) + p[2] - y, torch.tensor([1.0, -5.0, 0.0]))
    precise = least_squares(
        lambda p: p[0] * torch.exp(-p[1] * t.double()) + p[2] - y, torch.tensor([1.0, -5.0, 0.0]).double()
    )
    assert far.cost == pytest.approx(precise.cost, rel=1e-3)
    x = 1e6 * torch.tensor([1.0, 2.0, 3.0, 4.0])
    line = least_squares(lambda p: p[0] + p[1] * x - (5 + 2e-6 * x), torch.tensor([1.0, 1e-6]))
    assert_close(line.x, torch.tensor([5.0, 2e-6]), rtol=1e-4, atol=0.0)
    for size in (1e-15, 1e15):
        assert least_squares(lambda p, s=size: s * (p - 3), torch.zeros(2)).x.tolist() == [3.0, 3.0]


def test_no_numbers_are_their_own_answer():
    found = least_squares(lambda p: p.sum() - 3, torch.zeros(0))
    assert (found.success, found.cost) == (True, 4.5)


def test_arguments_are_passed_on():
    assert least_squares(lambda p, a: p - a, [0.0, 0.0], args=torch.tensor([6.0, 5.0])).x.tolist() == pytest.approx(
        [6, 5]
    )
    found = least_squares(lambda p, a, b: a * p - b, [0.0], args=(2.0, torch.tensor([6.0])))
    assert found.x.item() == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "tukey"}, ValueError, "loss to be one of 'linear', 'huber'.*'tukey'"),
        ({"f_scale": 0.0}, ValueError, "f_scale, the size of an ordinary residual, to be above 0"),
        ({"f_scale": math.nan}, ValueError, "f_scale"),
        ({"x_scale": [1.0, 0.0, 1.0]}, ValueError, "x_scale of x0 to be above 0"),
        ({"x_scale": [1.0, 2.0]}, ValueError, r"x_scale of x0 to have its shape \(3,\)"),
        ({"bounds": (1.0, 0.0)}, ValueError, "3 are crossed"),
        ({"bounds": (math.nan, 0.0)}, ValueError, "low <= high in the bounds of x0"),
        ({"bounds": ([0.0, 0.0], 1.0)}, ValueError, r"low bound of x0 to have its shape \(3,\)"),
        ({"bounds": [(0, 1), (0, 2)]}, ValueError, "cannot tell whether a list of two pairs"),
        ({"bounds": ((0, 1), (0, 2), (0, 3))}, ValueError, r"pass tuple\(zip\(\*bounds\)\) for one pair per number$"),
        ({"bounds": [[0, 1], [None, 2], [0, 3]]}, ValueError, "for one pair per number, with -inf and inf for None"),
        ({"bounds": torch.ones(3, 2)}, ValueError, r"pass tuple\(bounds.T\) where it has one row"),
        ({"bounds": 3.0}, ValueError, r"bounds as a pair \(low, high\), but got 3.0"),
    ],
)
def test_bad_input_is_named(options, error, words):
    with pytest.raises(error, match=words):
        least_squares(decay, START, **options)


def test_bad_bounds_of_several_tensors():
    start = {"a": 1.0, "b": 2.0}
    with pytest.raises(ValueError, match=r"bounds for \['c'\], which x0 does not have"):
        least_squares(lambda p: p["a"] - p["b"], start, bounds={"c": (0, 1)})
    with pytest.raises(ValueError, match="one entry for each of the 2 tensors"):
        least_squares(lambda p: p["a"] - p["b"], start, bounds=(0, 1))


def test_a_refused_group_is_not_added():
    x, other = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))
    optimizer = LevenbergMarquardt([x])
    for bad in ({"bounds": (1.0, 0.0)}, {"x_scale": -1.0}):
        with pytest.raises(ValueError, match="parameter 0"):
            optimizer.add_param_group({"params": [other], **bad})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("noise", [1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize("start", [[1.0, 1.0, 1.0], [4.5, 4.5, 4.5]])
def test_a_minimum_of_small_residuals_is_no_failure(noise, start):
    """The loss of residuals that are small beside the data is noisier than its own rounding: y - f cancels."""
    t = torch.linspace(0, 4, 20, dtype=torch.float64)
    y = 2.5 * torch.exp(-1.3 * t) + 0.5 + noise * torch.sin(30 * t)

    def residuals(p):
        return p[0] * torch.exp(-p[1] * t) + p[2] - y

    for options in ({}, {"bounds": (0, 9)}, {"tolerance_grad": 0, "tolerance_change": 0}):
        fit = least_squares(residuals, start, **options)
        assert fit.success, fit.message
        jacobian = torch.autograd.functional.jacobian(residuals, fit.x)
        left = torch.linalg.lstsq(jacobian, residuals(fit.x)[:, None]).solution
        assert float(left.abs().max()) < 1e-8


UNITS = [(1e-20, 1, 1), (1, 1e-20, 1e20), (1e-40, 1e10, 1e40)]


@pytest.mark.parametrize("bounds", [None, (0, [2.2, 9.0, 1.0])])
@pytest.mark.parametrize("units", UNITS)
def test_units_of_the_parameters_do_not_matter(units, bounds):
    """Columns that lie 20 orders apart were taken for columns of zeros, and the run failed at its start."""
    unit, start = torch.tensor(units, dtype=torch.float64), torch.tensor(START, dtype=torch.float64)
    walls = bounds and (0, torch.tensor(bounds[1]).double() * unit)
    found = least_squares(lambda p: decay(p / unit), start * unit, bounds=walls)
    theirs = scipys(decay, START, bounds=bounds or (-math.inf, math.inf), x_scale="jac")
    assert found.success
    assert_close(found.x / unit, torch.tensor(theirs.x), rtol=1e-6, atol=1e-6)


def test_the_same_steps_at_units_that_are_far_apart():
    """Powers of two round nothing, so the decisions are the same."""
    counts = set()
    for exponent in (40, 80, 160):
        unit = torch.tensor([2.0**exponent, 1.0, 2.0**-exponent], dtype=torch.float64)
        found = least_squares(lambda p, unit=unit: unit[0] * decay(p / unit), torch.tensor(START) * unit)
        counts.add((found.nfev, *(found.x / unit).tolist()))
    assert len(counts) == 1


@pytest.mark.parametrize("unit", [2.0**-100, 2.0**100])
def test_a_column_of_zeros_has_the_unit_of_the_others(unit):
    """At a height of zero the rate changes nothing; measured in ones, it could not move after that."""
    fits = [least_squares(lambda p, u=u: u * decay(p), [0.0, 1.0, 0.1], x_scale="jac") for u in (1.0, unit)]
    assert fits[0].success
    assert torch.equal(fits[0].x, fits[1].x)
