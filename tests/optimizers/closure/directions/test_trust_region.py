"""Newton's model: conjugate gradients within a radius, and what becomes of the radius."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import TrustRegion as TrustRegionMethod
from thalweg.optimizers.closure.directions.krylov import solve
from thalweg.optimizers.closure.directions.newton import TruncatedNewton
from thalweg.optimizers.closure.directions.preconditioner import Preconditioner
from thalweg.optimizers.closure.function.objective import Point
from thalweg.optimizers.closure.proposals.trust_region import TrustRegion, agreement


def vector(n, seed):
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def point(gradient):
    return Point(torch.zeros_like(gradient), 0.0, gradient, float(gradient.abs().max()))


def test_krylov_path_meets_newton_and_the_radius(quadratic):
    _, hessian, _ = quadratic()
    gradient = vector(12, 5)
    path = solve(lambda v: hessian @ v, gradient, 1e-12, 30)
    newton = -torch.linalg.solve(hessian, gradient)
    point, product, cut = path.within(float("inf"))
    assert not cut
    assert_close(point, newton)
    assert_close(product, hessian @ newton)
    short, product, cut = path.within(0.3 * float(newton.norm()))
    assert cut
    assert float(short.norm()) == pytest.approx(0.3 * float(newton.norm()))
    assert_close(product, hessian @ short)


def test_negative_curvature_goes_to_the_radius():
    hessian = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    path = solve(lambda v: hessian @ v, torch.tensor([0.1, 1.0], dtype=torch.float64), 1e-10, 10, radius=3.0)
    step, _, cut = path.within(3.0)
    assert cut
    assert float(step.norm()) == pytest.approx(3.0)
    assert torch.dot(step, hessian @ step) < 0


@pytest.mark.parametrize("share", [0.2, 0.6, 0.9, 0.99])
def test_any_radius_cuts_the_path_at_its_length(quadratic, share):
    _, hessian, _ = quadratic()
    path = solve(lambda v: hessian @ v, vector(12, 5), 1e-12, 30)
    whole = float(path.within(float("inf"))[0].norm())
    short, product, cut = path.within(share * whole)
    assert cut
    assert float(short.norm()) == pytest.approx(share * whole)
    assert_close(product, hessian @ short)


def test_the_path_ends_at_its_tolerance(quadratic):
    _, hessian, _ = quadratic()
    gradient = vector(12, 5)
    path = solve(lambda v: hessian @ v, gradient, 0.3, 30)
    assert len(path.stages) < 8
    assert float((gradient + path.end_product).norm()) <= 0.3 * float(gradient.norm())


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_preconditioned_path_is_shorter_and_cut_at_euclids_length(quadratic, share):
    """With the exact inverse one product finds Newton's step; with a rough one lengths are still Euclid's."""
    _, hessian, _ = quadratic()
    gradient, inverse = vector(12, 5), torch.linalg.inv(hessian)
    path = solve(lambda v: hessian @ v, gradient, 1e-6, 30, precondition=lambda v: inverse @ v)
    assert len(path.stages) == 1
    assert_close(path.end, -inverse @ gradient)
    path = solve(lambda v: hessian @ v, gradient, 1e-12, 30, precondition=lambda v: v / hessian.diagonal())
    whole = float(path.end.norm())
    assert_close(path.end, -inverse @ gradient)
    assert float(path.within(share * whole)[0].norm()) == pytest.approx(share * whole)


def test_a_preconditioner_is_the_inverse_where_conjugate_gradients_have_been(quadratic):
    """After a whole path on a quadratic it is the inverse; what bends down, or not at all, is not learned."""
    _, hessian, _ = quadratic()
    preconditioner = Preconditioner()
    assert preconditioner.operator_at(vector(12, 3)) is None
    preconditioner.learn_path(solve(lambda v: hessian @ v, vector(12, 5), 1e-12, 30))
    again = vector(12, 6)
    times = preconditioner.operator_at(again)
    assert_close(times(hessian @ again), again, rtol=1e-6, atol=1e-6)
    before = times(again)
    preconditioner.learn(again, -again)
    preconditioner.learn(torch.zeros(12, dtype=torch.float64), again)
    assert torch.equal(times(again), before)


def test_products_with_the_hessian_are_used_again(task):
    """Each model begins with what the last ones paid for: without that it took 282 evaluations."""
    run = task(TrustRegionMethod, backward=False, max_iter=500)
    assert run.step().success
    assert run.optimizer.result.evaluations + run.optimizer.result.hessian_products < 200


def test_truncated_newton_stops_where_the_hessian_bends_down():
    """After one iteration the direction is that iterate; where even the first bends down, it is the gradient's."""
    gradient = torch.tensor([1.0, 0.5], dtype=torch.float64)
    direction = TruncatedNewton()
    assert torch.equal(direction(point(gradient), None), -gradient)
    direction.learn(None)
    bowl = torch.diag(torch.tensor([2.0, -0.5], dtype=torch.float64))
    found = direction(point(gradient), lambda v: bowl @ v)
    length = float(gradient @ gradient / (gradient @ bowl @ gradient))
    assert_close(found, -length * gradient)
    assert_close(direction(point(gradient), lambda v: -v), -gradient)
    direction.forget()
    assert direction.fresh


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 45), (torch.float64, 52)], ids=str)
def test_truncated_newton_asks_for_no_more_digits_than_there_are(dtype, most):
    """Residuals finer than the root of the rounding took 86 products in float32, and 59 in float64."""
    products = []

    def multiply(v):
        products.append(v)
        return torch.linspace(1, 1000, 60, dtype=dtype) * v

    direction = TruncatedNewton()
    direction(point(torch.full((60,), 1e30, dtype=dtype)), multiply)
    direction.learn(None)
    direction(point(torch.ones(60, dtype=dtype)), multiply)
    assert 0 < len(products) <= most


def test_truncated_newton_needs_no_product_where_the_gradient_is_zero():
    direction = TruncatedNewton()
    direction(point(torch.ones(2)), None)
    direction.learn(None)
    assert not direction(point(torch.zeros(2)), None).any()


def test_a_trust_region_follows_its_success():
    region = TrustRegion()
    region.radius = 8.0
    region._resize(0.1, 2.0, cut=True)
    assert region.radius == 0.5
    region._resize(0.8, 0.5, cut=True)
    assert region.radius == 1.0
    region._resize(0.95, 1.0, cut=True)
    assert region.radius == 4.0
    region._resize(0.95, 1.0, cut=False)
    region._resize(0.5, 4.0, cut=True)
    assert region.radius == 4.0
    region._resize(float("nan"), 4.0, cut=True)
    assert region.radius == 1.0


def test_agreement_is_one_where_both_are_rounding_and_bad_where_nothing_is_finite():
    g = torch.ones(1, dtype=torch.float64)
    here = Point(g, 1.0, g, 1.0)
    assert agreement(here, Point(g, 1.0 + 2e-16, g, 1.0), 1e-18) == pytest.approx(0.9, abs=0.11)
    assert agreement(here, Point(g, 0.7, g, 1.0), 0.6) == pytest.approx(0.5)
    assert agreement(here, Point(g, float("nan"), g, 1.0), 0.6) == -float("inf")


def test_slopes_whose_squares_overflow_end_the_path():
    """An assertion failed where neither the curvature nor the way to the border is a number."""
    far = torch.tensor([3e200, 4e200], dtype=torch.float64)
    _, product, cut = solve(lambda vector: vector * torch.nan, far, 0.5, 4, 2.0).within(2.0)
    assert cut
    assert product.isnan().all()
