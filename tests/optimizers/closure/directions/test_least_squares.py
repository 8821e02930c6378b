"""Levenberg and Marquardt's parts: the step within a radius, and how the residuals bend."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import LevenbergMarquardt
from thalweg.optimizers.closure.directions.bend import Bend, measured
from thalweg.optimizers.closure.directions.boxed_least_squares import BoxedModel
from thalweg.optimizers.closure.directions.damped_least_squares import LinearModel
from thalweg.optimizers.closure.proposals.dense_levenberg_marquardt import DenseLevenbergMarquardt


def model_of(m=7, n=3, scaling=None):
    generator = torch.Generator().manual_seed(m)
    jacobian = torch.randn(m, n, dtype=torch.float64, generator=generator)
    residuals = torch.randn(m, dtype=torch.float64, generator=generator)
    return LinearModel(jacobian, residuals, torch.ones(n, dtype=torch.float64) if scaling is None else scaling)


def test_a_wide_radius_gives_gauss_and_newtons_step():
    model = model_of()
    step = model.step(1e9)
    assert step.damping == 0.0
    assert_close(step.p, -torch.linalg.lstsq(model.jacobian, model.residuals[:, None]).solution[:, 0])
    left = model.residuals + model.jacobian @ step.p
    assert step.promised == pytest.approx(0.5 * float(model.residuals.square().sum() - left.square().sum()))


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_a_narrow_radius_is_kept_within_a_tenth_and_solves_the_damped_equations(share):
    scaling = torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64)
    model = model_of(scaling=scaling)
    radius = share * model.step(1e9).length
    step = model.step(radius)
    assert 0.9 * radius <= step.length <= 1.1 * radius
    assert step.length == pytest.approx(float((scaling * step.p).norm()))
    damped = model.jacobian.T @ model.jacobian + step.damping * torch.diag(scaling**2)
    assert_close(damped @ step.p, -model.jacobian.T @ model.residuals)
    other = torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert_close(damped @ model.answer(other, step.damping), -model.jacobian.T @ other)


def test_a_column_of_zeros_moves_nothing():
    jacobian = torch.tensor([[1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    step = LinearModel(jacobian, torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)).step(10.0)
    assert_close(step.p, torch.tensor([-0.6, 0.0], dtype=torch.float64))


def walled(seed):
    """A model with walls close by, and the most that any step within them promises, by SciPy's exact method."""
    scipy = pytest.importorskip("scipy.optimize")
    generator = torch.Generator().manual_seed(seed)
    jacobian, residuals = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((9, 6), (9,)))
    low = -0.3 * torch.rand(6, dtype=torch.float64, generator=generator)
    model = LinearModel(jacobian, residuals, torch.ones(6, dtype=torch.float64))
    best = scipy.lsq_linear(jacobian.numpy(), -residuals.numpy(), bounds=(low.numpy(), -low.numpy()), method="bvls")
    return model, low, 0.5 * float(residuals.square().sum()) - best.cost


@pytest.mark.parametrize("seed", range(10))
def test_a_step_along_the_walls_promises_half_of_what_can_be_and_more(seed):
    model, low, most = walled(seed)
    step = BoxedModel(model, low, -low, torch.zeros(6, dtype=torch.bool)).step(1e9)
    assert bool(((step.p >= low) & (step.p <= -low)).all())
    left = model.residuals + model.jacobian @ step.p
    assert step.promised == pytest.approx(0.5 * float(model.residuals.square().sum() - left.square().sum()))
    assert 0.5 * most < step.promised < most * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_where_the_walls_make_a_poor_step_the_gradient_leads(seed, monkeypatch):
    """Convergence rests on a share of what the projected gradient's path promises, whatever the other step is."""
    model, low, _ = walled(seed)
    boxed = BoxedModel(model, low, -low, torch.zeros(6, dtype=torch.bool))
    monkeypatch.setattr(boxed, "_along_walls", lambda radius: boxed._judged(torch.zeros(6).double(), 0.0))
    assert boxed.step(1e9).promised == boxed._steepest(1e9).promised > 0


def parabolic(x):
    """Residuals whose second derivative along p is (20 p0^2, 0)."""
    return torch.stack((10 * (x[0] ** 2 - x[1]), 1 - x[0]))


def at_a_point():
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    jacobian = torch.tensor([[20 * -1.2, -10.0], [-1.0, 0.0]], dtype=torch.float64)
    return x, LinearModel(jacobian, parabolic(x), torch.ones(2, dtype=torch.float64))


def test_a_trial_measures_the_second_derivative_along_it():
    x, model = at_a_point()
    p = torch.tensor([0.3, -0.2], dtype=torch.float64)
    bend = measured(model, p, parabolic(x + p))
    assert_close(bend.second, torch.tensor([20 * 0.09, 0.0], dtype=torch.float64))
    assert_close(bend.change, model.jacobian @ p)
    assert bend.length == pytest.approx(0.13**0.5)


def test_a_bent_step_follows_the_valley():
    """The step and half its acceleration stay by the valley's floor, x1 = x0^2, that the step alone leaves."""
    x, model = at_a_point()
    step = model.step(0.5)
    bend = measured(model, step.p, parabolic(x + step.p))
    bent = bend.corrected(model, step)
    expected = step.p + 0.5 * model.answer(bend.second, step.damping)
    assert_close(bent, expected)
    assert parabolic(x + bent)[0].abs() < 0.25 * parabolic(x + step.p)[0].abs()


def test_another_direction_other_residuals_and_a_sharp_bend_leave_the_step_straight():
    x, model = at_a_point()
    step = model.step(0.5)
    turned = torch.stack((-step.p[1], step.p[0]))
    assert measured(model, turned, parabolic(x + turned)).corrected(model, step) is step.p
    assert measured(model, step.p, torch.ones(3, dtype=torch.float64)) is None
    three = torch.ones(3, dtype=torch.float64)
    assert Bend(step.p, step.length, three, three).corrected(model, step) is step.p
    bend = measured(model, step.p, parabolic(x + step.p))
    assert bend._replace(second=100 * bend.second).corrected(model, step) is step.p


def test_shorter_steps_scale_the_second_derivative_by_the_square():
    x, model = at_a_point()
    long = model.step(0.05)
    bend = measured(model, long.p, parabolic(x + long.p))
    short = long._replace(p=long.p / 2, length=long.length / 2)
    assert_close(bend.corrected(model, short), short.p + 0.125 * model.answer(bend.second, long.damping))


def test_the_radius_shrinks_to_where_bent_residuals_are_shortest():
    one = torch.ones(1, dtype=torch.float64)
    # |1 - t + 2 t^2|, least at t = 1/4.
    assert Bend(one, 1.0, -one, 4 * one).shrinkage(one) == 0.25
    assert Bend(one, 1.0, -one, 0 * one).shrinkage(one) == 0.5
    assert Bend(one, 1.0, -one, 400 * one).shrinkage(one) == 0.1


def test_a_checkpoint_keeps_the_bend():
    """Rosenbrock's residuals, stopped after every iteration, against one that never stopped."""

    def run(stops):
        x = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
        optimizer = LevenbergMarquardt([x], max_iter=1)
        for _ in range(8):
            optimizer.step(lambda: parabolic(x))
            if stops:
                state = optimizer.state_dict()
                optimizer = LevenbergMarquardt([x], max_iter=1)
                optimizer.load_state_dict(state)
        assert optimizer.current.bend is not None
        return x.detach(), optimizer.result.evaluations

    (straight, calls), (broken, others) = run(stops=False), run(stops=True)
    assert torch.equal(straight, broken)
    assert others >= calls


def test_the_radius_follows_the_models_success():
    one = torch.ones(1, dtype=torch.float64)
    method = DenseLevenbergMarquardt()
    method.radius = 4.0
    method._resize(0.8, 3.0, one)
    assert method.radius == 6.0
    method._resize(0.5, 3.0, one)
    assert method.radius == 6.0
    method._resize(0.2, 3.0, one)
    assert method.radius == pytest.approx(0.6)
    method.bend = Bend(one, 1.0, -one, 4 * one)
    method._resize(0.2, 0.01, one)
    assert method.radius == pytest.approx(0.025)


def test_scaling_is_the_largest_norm_a_column_has_had():
    method = DenseLevenbergMarquardt(scaled=True)
    for columns, expected in (([3.0, 0.0], [3.0, 3.0]), ([1.0, 5.0], [3.0, 5.0])):
        method.scaling = method._rescaled(torch.diag(torch.tensor(columns, dtype=torch.float64)))
        assert method.scaling.tolist() == expected


def test_groups_move_in_proportion_to_their_lr():
    """Both numbers matter alike; the unit of length of the second is a tenth, so its step is shorter at first."""
    fast, slow = (torch.nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in range(2))
    optimizer = LevenbergMarquardt([{"params": [fast]}, {"params": [slow], "lr": 0.01}], max_iter=1)
    optimizer.step(lambda: torch.stack((fast - 30, slow - 30)))
    assert float((fast / slow).detach()) > 5
    optimizer.max_iter = 50
    optimizer.step(lambda: torch.stack((fast - 30, slow - 30)))
    assert float(fast.detach()) == pytest.approx(30)
    assert float(slow.detach()) == pytest.approx(30)
