"""Bounds: never crossed, reached where the minimum lies on them, refused where they make no sense."""

import math

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import BFGS, CG, LBFGS, NewtonCG, SSBroyden, least_squares, minimize
from thalweg.optimizers.closure.directions.face import Face
from thalweg.optimizers.closure.directions.limited_memory import LimitedMemory
from thalweg.optimizers.closure.directions.restricted import newton_on_face
from thalweg.optimizers.closure.function.bounds import Box
from thalweg.optimizers.closure.function.objective import Objective, Point
from thalweg.optimizers.closure.proposals.line_search import LineSearch
from thalweg.optimizers.closure.search import search_named


def test_numbers_stay_inside_and_the_minimum_is_on_the_border(task):
    seen = []

    def loss(x):
        seen.append(x.detach().clone())
        return (x - 3).square().sum()

    run = task(LBFGS, loss, torch.zeros(4, dtype=torch.float64), bounds=(-1.0, torch.tensor([1.0, 2.0, 5.0, 0.0])))
    assert run.step().success
    assert_close(run.x.detach(), torch.tensor([1.0, 2.0, 3.0, 0.0], dtype=torch.float64))
    assert all(bool((x >= -1).all()) and bool((x <= torch.tensor([1.0, 2, 5, 0])).all()) for x in seen)


def test_scipy_finds_the_same(task, rosenbrock):
    scipy = pytest.importorskip("scipy.optimize")
    run = task(LBFGS, bounds=(-2.0, 0.8), max_iter=500)
    run.step()

    def both(x):
        t = torch.tensor(x, requires_grad=True)
        value = rosenbrock(t)
        value.backward()
        return float(value.detach()), t.grad.numpy()

    start = torch.tensor([-1.2, 0.8] * 5).numpy()
    theirs = scipy.minimize(both, start, jac=True, bounds=[(-2, 0.8)] * 10, options={"ftol": 0, "gtol": 1e-10})
    assert float(rosenbrock(run.x.detach())) <= theirs.fun + 1e-9


def test_a_start_outside_is_moved_inside(task):
    run = task(LBFGS, lambda x: x.square().sum(), torch.full((2,), 9.0, dtype=torch.float64), bounds=(1.0, 2.0))
    run.step()
    assert run.x.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("bounds", "error", "words"),
    [
        ((1.0, 0.0), ValueError, "low <= high in the bounds of parameter 0, but 10 of 10 are crossed or NaN"),
        ((torch.zeros(3), None), ValueError, r"shape \(10,\), but it has \(3,\)"),
        (3.0, TypeError, r"a pair \(low, high\), but got 3.0"),
        ([(0.0, 1.0), None], ValueError, "2 for 1 parameters"),
    ],
)
def test_bad_bounds_are_named(task, bounds, error, words):
    with pytest.raises(error, match=words):
        task(LBFGS, bounds=bounds)


def convex(n=12, seed=3):
    """A quadratic whose minimum lies outside the unit box: (value, Hessian, linear term)."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, dtype=torch.float64, generator=generator)
    hessian = root @ root.T + 0.1 * torch.eye(n, dtype=torch.float64)
    linear = 10 * torch.randn(n, dtype=torch.float64, generator=generator)
    return lambda x: 0.5 * torch.dot(x, hessian @ x) - torch.dot(linear, x), hessian, linear


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("line_search_fn", ["hager_zhang", "more_thuente"])
def test_coupled_numbers_end_where_no_limit_could_be_left(task, seed, line_search_fn):
    """From a corner: on the border the gradient points outward, inside it is zero; limits are left and met."""
    function, hessian, linear = convex(seed=seed)
    visited = []

    def loss(x):
        visited.append(tuple((x.detach().abs() == 0.2).tolist()))
        return function(x)

    start = torch.full((12,), 0.2, dtype=torch.float64)
    run = task(LBFGS, loss, start, bounds=(-0.2, 0.2), max_iter=300, tolerance_grad=0, line_search_fn=line_search_fn)
    assert run.step().success
    x = run.x.detach()
    gradient = hessian @ x - linear
    assert_close(torch.clamp(x - gradient, -0.2, 0.2), x, rtol=1e-6, atol=1e-6)
    assert len(set(visited)) > 2


@pytest.mark.parametrize("seed", [3, 7])
@pytest.mark.parametrize("make", [BFGS, CG, NewtonCG, SSBroyden])
def test_every_line_search_keeps_to_the_box_and_finds_its_minimum(task, make, seed):
    function, hessian, linear = convex(seed=seed)
    seen = []

    def loss(x):
        seen.append(float(x.detach().abs().max()))
        return function(x)

    run = task(make, loss, torch.full((12,), 0.2, dtype=torch.float64), bounds=(-0.2, 0.2), max_iter=300)
    assert run.step().success
    # Differences of gradients, which NewtonCG takes here, look beside the line.
    assert max(seen) <= 0.2 if make is not NewtonCG else run.x.abs().max() <= 0.2
    x = run.x.detach()
    assert_close(torch.clamp(x - hessian @ x + linear, -0.2, 0.2), x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", [93, 194, 386])
def test_steps_that_only_slopes_tell_of_go_on_where_the_gradient_has_no_tolerance(task, seed):
    """They ended at projected gradients of 8e-8, 1.8e-7 and 5e-8, as their losses no longer changed visibly."""
    function, hessian, linear = convex(seed=seed)
    start = torch.full((12,), 0.2, dtype=torch.float64)
    run = task(CG, function, start, bounds=(-0.2, 0.2), tolerance_grad=0, max_iter=300)
    assert run.step().success
    x = run.x.detach()
    assert_close(torch.clamp(x - hessian @ x + linear, -0.2, 0.2), x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", [141, 363])
def test_a_nearly_exact_search_goes_on_by_slopes_where_the_loss_tells_nothing(task, seed):
    """It gave up at projected gradients of 1.1e-7 and 1.9e-8, and called them minimal within rounding."""
    function, hessian, linear = convex(seed=seed)
    zero = {"tolerance_grad": 0, "tolerance_change": 0, "max_iter": 300}
    run = task(CG, function, torch.full((12,), 0.2, dtype=torch.float64), bounds=(-0.2, 0.2), **zero)
    assert run.step().success
    x = run.x.detach()
    assert_close(torch.clamp(x - hessian @ x + linear, -0.2, 0.2), x, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("walls", "least", "most"), [((-9.0, 9.0), 0.0, 1000), ((-1.0, 0.8), 1.1482239651667934, 200)])
def test_conjugate_gradients_of_few_numbers_take_no_walk_in_a_box(task, rosenbrock, walls, least, most):
    """Polak and Ribière's formula was given a shortened direction: the run took 67,482 and 7,544 evaluations."""
    start = torch.tensor([-1.2, 1.0, -1.2, 1.0, -1.2], dtype=torch.float64)
    run = task(CG, rosenbrock, start, bounds=walls, max_iter=5000, max_eval=most)
    assert run.step().success
    assert abs(float(rosenbrock(run.x.detach())) - least) <= 1e-12


def test_a_block_of_a_dense_inverse_is_inverted_anew():
    _, hessian, _ = convex(6)
    free = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    kept, gradient = free.bool(), torch.linspace(1, 2, 6, dtype=torch.float64) * free
    found = newton_on_face(torch.linalg.inv(hessian), gradient, free)
    assert_close(found[kept], -torch.linalg.solve(hessian[kept][:, kept], gradient[kept]))
    assert found[~kept].tolist() == [0, 0, 0]


def test_on_a_face_the_direction_is_newtons_there():
    """With as many conjugate pairs as the face has dimensions, -H g solves the reduced system."""
    _, hessian, _ = convex(6)
    free = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    kept = free.bool()
    memory = LimitedMemory(20)
    block = hessian[kept][:, kept]
    for vector in torch.linalg.eigh(block).eigenvectors.T:
        s = torch.zeros(6, dtype=torch.float64)
        s[kept] = vector
        memory.remember(s, hessian @ s, float(s @ hessian @ s))
    gradient = torch.linspace(1, 2, 6, dtype=torch.float64) * free
    found = Face().direction(memory, Point(gradient, 0.0, gradient), free)
    assert_close(found[kept], -torch.linalg.solve(block, gradient[kept]))
    assert found[~kept].tolist() == [0, 0, 0]


def test_a_face_learns_pair_by_pair_what_it_would_learn_at_once():
    _, hessian, _ = convex(6)
    free = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    memory, growing = LimitedMemory(20), Face()
    gradient = torch.linspace(1, 2, 6, dtype=torch.float64) * free
    here = Point(gradient, 0.0, gradient)
    for s in torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)):
        memory.remember(s, hessian @ s, float(s @ hessian @ s))
        assert torch.equal(growing.direction(memory, here, free), Face().direction(memory, here, free))
    other = 1 - free
    turned = Point(gradient, 0.0, other)
    assert torch.equal(growing.direction(memory, turned, other), Face().direction(memory, turned, other))


def test_a_face_does_not_learn_what_bends_down_there():
    memory, face = LimitedMemory(5), Face()
    s, y = torch.tensor([1.0, 1.0], dtype=torch.float64), torch.tensor([-1.0, 3.0], dtype=torch.float64)
    memory.remember(s, y, 2.0)
    free = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert_close(face.direction(memory, Point(free, 0.0, free), free), -free)
    assert face.memory.fresh


@pytest.mark.parametrize("history_size", [3, 100])
def test_a_bounded_run_goes_on_from_a_checkpoint(task, history_size):
    options = {"bounds": (-1.0, 1.0), "max_iter": 3, "history_size": history_size}
    start = torch.zeros(12, dtype=torch.float64)
    straight, broken = (task(LBFGS, convex()[0], start, **options) for _ in range(2))
    straight.step(6)
    for _ in range(6):
        broken.step()
        fresh = LBFGS([broken.x], **options)
        fresh.load_state_dict(broken.optimizer.state_dict())
        broken.optimizer = fresh
    assert torch.equal(straight.x, broken.x)
    assert straight.optimizer.result.iterations > history_size or history_size == 100


def test_a_projection_that_would_climb_is_left_for_the_first_limit():
    """-H g = (1, 1) descends from g = (1, -2), its projection (1, 0.1) does not: the line ends where x1 is 0.1."""
    inverse = torch.tensor([[5.0, 3.0], [3.0, 2.0]], dtype=torch.float64)
    memory = LimitedMemory(5)
    for s in torch.linalg.eigh(inverse).eigenvectors.T:
        y = torch.linalg.solve(inverse, s)
        memory.remember(s, y, float(s @ y))
    gradient = torch.tensor([1.0, -2.0], dtype=torch.float64)
    box = Box(torch.full((2,), -9.0, dtype=torch.float64), torch.tensor([9.0, 0.1], dtype=torch.float64))
    method = LineSearch(memory, search_named("hager_zhang", 0.7))
    method.box = box
    x = torch.zeros(2, dtype=torch.float64)
    function = Objective(lambda x: (torch.dot(gradient, x) + x.square().sum() / 2, gradient + x), box=box)
    there = method.advance(function, Point(x, 0.0, gradient, 2.0, box))
    assert_close(there.x, torch.full((2,), 0.1, dtype=torch.float64))
    assert there.value < 0


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("given", [lambda x: [("x", x)], lambda x: iter([x])])
def test_bounds_of_parameters_with_names_and_of_iterators(given, group):
    x = torch.nn.Parameter(torch.zeros(3))
    optimizer = LBFGS([{"params": given(x)}] if group else given(x), bounds=(-1.0, 0.5))
    optimizer.step(lambda: loss_and_gradient(x))
    assert x.tolist() == [0.5, 0.5, 0.5]


def loss_and_gradient(x):
    x.grad = x.detach() - 3
    return 0.5 * (x.detach() - 3).square().sum()


def test_bounds_of_named_parameters_that_do_not_fit_are_refused_by_name():
    x = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match="low bound of parameter weight to have its shape"):
        LBFGS([("weight", x)], bounds=(torch.zeros(2), None))


@pytest.mark.parametrize("method", ["lbfgs", "cg", "bfgs", "ssbroyden"])
def test_a_fixed_number_needs_no_gradient(method):
    """The root's slope at zero is infinite, which ended the run at its start, though zero is all that it may be."""
    start = torch.tensor([0.0, 5.0], dtype=torch.float64)
    bounds = [(0.0, 0.0), (None, None)]
    found = minimize(lambda x: x[0].sqrt() + (x[1] - 2).square(), start, method, bounds=bounds)
    assert found.success
    assert found.x.tolist() == pytest.approx([0, 2])


def test_nor_does_one_of_a_fit():
    start, sides = torch.tensor([0.0, 5.0], dtype=torch.float64), (torch.tensor([0.0, -9.0]), torch.tensor([0.0, 9.0]))
    found = least_squares(lambda x: torch.stack((x[0].sqrt() + x[1] - 2, x[1].exp() - math.e**2)), start, bounds=sides)
    assert found.success
    assert found.x.tolist() == pytest.approx([0, 2])


@pytest.mark.parametrize("method", ["lbfgs", "newton-cg"])
def test_a_minimum_one_rounding_from_a_wall_is_one(method):
    """All looks ended at the wall, one rounding away, but counted as far: a kink was seen."""
    found = minimize(
        lambda x: (x * 1e-8 - 0.094532215).square().sum(), torch.tensor([6e7]), method, bounds=(9453221, 2e8)
    )
    assert found.success, found.message
