"""What a step promises: budget, resume, failures, groups, dtypes, sentences."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure import BFGS, CG, LBFGS, NewtonCG, SSBroyden, TrustRegion
from thalweg.optimizers.closure.run.result import Reason

METHODS = [LBFGS, CG, BFGS, SSBroyden, NewtonCG, TrustRegion]
every_method = pytest.mark.parametrize("make", METHODS)


@every_method
def test_rosenbrock_is_solved_and_says_why(task, make):
    run = task(make, max_iter=2000)
    result = run.step()
    assert_close(run.x.detach(), torch.ones(10, dtype=torch.float64))
    assert result.success
    assert result.message.endswith(".")
    assert result.value <= 1e-20
    if not make.second_order:
        assert result.evaluations == len(run.losses)


@every_method
def test_repeated_single_iterations_are_one_long_run(task, make):
    long, short = task(make, max_iter=25), task(make, max_iter=1)
    long.step()
    short.step(25)
    assert torch.equal(long.x, short.x)
    assert long.optimizer.result.iterations == short.optimizer.result.iterations == 25
    if not make.second_order:
        assert long.losses == short.losses


@every_method
@pytest.mark.parametrize("budget", [1, 2, 3, 7])
def test_the_budget_is_never_exceeded_and_still_gets_there(task, make, budget):
    run = task(make, max_eval=budget, max_iter=50, start=torch.tensor([3.0, -2.0], dtype=torch.float64), loss=bowl)
    for _ in range(max(200 // budget, 60)):
        before = len(run.losses)
        run.step()
        assert len(run.losses) - before <= budget
    if not make.second_order:
        assert float(bowl(run.x.detach())) < 1e-8


def bowl(x):
    return (x**4).sum() + 0.5 * (x - 1).square().sum() - 0.1875 * x.numel()  # the minimum is at 1/2


@every_method
def test_a_closure_that_raises_leaves_the_best_point(task, make):
    run = task(make, max_iter=1000)
    calls = 0

    def failing():
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KeyError("data")
        return run.closure()

    with pytest.raises(KeyError):
        run.optimizer.step(failing)
    assert float(run.loss(run.x.detach())) == run.optimizer.result.value < run.losses[0]
    if not make.second_order:  # differences of gradients look at points that are not steps
        assert run.optimizer.result.value == min(run.losses)
    assert run.step().success


@every_method
def test_a_wall_of_nan_is_never_crossed(task, make):
    """-log(1 - x) - 100 x: torch's search leaves x at 1e45."""
    run = task(
        make, lambda x: (-torch.log(1 - x) - 100 * x).sum(), torch.tensor([0.5], dtype=torch.float64), max_iter=200
    )
    run.step()
    assert float(run.x.detach()) == pytest.approx(0.99)


@every_method
def test_a_start_that_is_not_finite_is_left_alone(task, make):
    run = task(make, lambda x: x.log().sum(), torch.tensor([-1.0], dtype=torch.float64))
    assert run.step().reason is Reason.NOT_FINITE
    assert run.x.item() == -1.0


@pytest.mark.parametrize("make", METHODS[:4])
def test_noise_is_told_from_a_minimum(task, make):
    def noisy(x):
        return x.square().sum() + 1e-3 * torch.rand((), dtype=torch.float64)

    run = task(make, noisy, max_iter=500)
    result = run.step()
    assert result.reason is Reason.NOISE
    assert "It returned" in result.message


def test_new_batches_are_measured_on_themselves():
    """With deterministic=False every step begins with an evaluation on its own batch."""
    data = torch.randn(64, 3, dtype=torch.float64)
    target = data @ torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    x = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = LBFGS([x], max_iter=2, deterministic=False)
    for i in range(30):
        rows = slice(16 * (i % 4), 16 * (i % 4) + 16)

        def closure(rows=rows):
            optimizer.zero_grad()
            loss = (data[rows] @ x - target[rows]).square().mean()
            loss.backward()
            return loss

        first = optimizer.step(closure)
        assert first.dtype == torch.float64
    assert_close(x.detach(), torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))


@every_method
@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_a_scaled_function_takes_as_many_evaluations(task, make, factor, rosenbrock):
    plain, scaled = task(make, max_iter=40), task(make, lambda x: factor * rosenbrock(x), max_iter=40)
    plain.step()
    scaled.step()
    assert abs(scaled.optimizer.result.evaluations - plain.optimizer.result.evaluations) <= 2
    assert_close(plain.x, scaled.x, rtol=1e-3, atol=1e-3)


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
def test_dtypes(task, make, dtype):
    start = torch.ones(4, dtype=dtype)

    def loss(z):
        return (z - 3).abs().square().sum() + 0.1 * (z * z.conj()).real.square().sum()

    run = task(make, loss, start, max_iter=50)
    result = run.step()
    assert result.success or result.value < loss(start) / 2
    expected = task(make, loss, start.to(torch.complex128 if dtype.is_complex else torch.float64), max_iter=50)
    expected.step()
    assert_close(run.x.detach(), expected.x.detach().to(dtype), rtol=1e-3, atol=1e-3)


@every_method
def test_parameters_without_gradient_are_left_alone(make):
    moved = torch.nn.Parameter(torch.tensor([2.0, -1.0], dtype=torch.float64))
    idle = torch.nn.Parameter(torch.tensor([5.0, -3.0], dtype=torch.float64))
    frozen = torch.nn.Parameter(torch.tensor([7.0]), requires_grad=False)
    optimizer = make([{"params": [idle, moved]}, {"params": [frozen], "lr": 0.5}], max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = (moved**2).sum() + (moved**4).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert moved.abs().max() < 1e-3
    assert idle.tolist() == [5.0, -3.0]
    assert frozen.item() == 7.0


def test_a_gradient_step_moves_each_group_by_its_lr():
    fast, slow = (torch.nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
    optimizer = LBFGS([{"params": [fast], "lr": 1e-3}, {"params": [slow], "lr": 1e-4}], max_iter=1, line_search_fn=None)

    def closure():
        optimizer.zero_grad()
        loss = fast.sum() + slow.sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert float(((1 - fast) / (1 - slow)).detach()) == pytest.approx(10.0)


def test_a_changed_ratio_of_lr_starts_the_memory_anew(task):
    run = task(LBFGS, max_iter=5)
    run.step()
    other = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    run.optimizer.add_param_group({"params": [other], "lr": 0.1})
    run.loss = lambda x: x.square().sum() + (other - 3).square().sum()
    assert run.step(10).success
    assert_close(other.detach(), torch.full((2,), 3.0, dtype=torch.float64))


def test_maximize_climbs(task):
    run = task(LBFGS, lambda x: -(x - 2).square().sum(), maximize=True)
    run.step()
    assert_close(run.x.detach(), torch.full((10,), 2.0, dtype=torch.float64))


def test_step_returns_the_loss_at_its_start(task):
    run = task(LBFGS, max_iter=3)
    first = run.optimizer.step(run.closure)
    assert float(first) == run.losses[0]
    second = run.optimizer.step(run.closure)
    assert float(second) < float(first)
    assert type(first) is type(second)


def test_hessian_products_agree_with_and_without_backward(task):
    exact, differences = task(NewtonCG, max_iter=8, backward=False), task(NewtonCG, max_iter=8)
    exact.step()
    differences.step()
    assert_close(exact.x, differences.x, rtol=1e-4, atol=1e-4)


def test_evaluations_and_iterations_add_up_over_steps(task):
    run = task(LBFGS, max_iter=4)
    run.step(3)
    assert run.optimizer.result.evaluations == len(run.losses)
    assert run.optimizer.result.iterations == 12


def test_a_gradient_of_zero_ends_the_run_without_another_look(task):
    run = task(LBFGS, lambda x: (x - 3).square().sum(), tolerance_grad=0, tolerance_change=0)
    result = run.step()
    assert result.reason is Reason.GRADIENT
    assert (run.x == 3).all()
    assert result.notes == []
    assert run.losses.count(0.0) == 1


def test_notes_are_those_of_the_last_step(task):
    run = task(LBFGS, max_iter=2)
    run.step().notes.append("An old note.")
    assert run.step().notes == []


@pytest.mark.parametrize("make", METHODS[:5])
def test_lr_scales_the_first_step_tried(task, make):
    def first_trial(lr):
        tried = []

        def loss(x):
            tried.append(x.detach().clone())
            return x.pow(4).sum()

        task(make, loss, torch.ones(2, dtype=torch.float64), lr=lr, max_iter=1).step()
        return tried[1] - 1

    assert_close(first_trial(0.5), 0.5 * first_trial(1.0))


def test_a_search_cut_off_by_the_budget_starts_shorter_once(task):
    run = task(LBFGS, lambda x: (-torch.log(1 - x) - 100 * x).sum(), torch.tensor([0.5], dtype=torch.float64))
    run.optimizer.max_iter = 50
    run.optimizer.max_eval = 2
    run.loss = lambda x: torch.where(x < 0.5001, x.square(), 1e9 * x).sum() - x.sum() * 2
    run.step()
    assert run.optimizer.current.shortened < float("inf")
    run.optimizer.max_eval = None
    run.step()
    assert run.optimizer.current.shortened == float("inf")


EDITS = [
    (LBFGS, "line_search_fn", "more_thuente"),
    (LBFGS, "history_size", 1),
    (LBFGS, "damping", 0.5),
    (LBFGS, "maximize", True),
    (CG, "beta", "hz"),
    (SSBroyden, "line_search_fn", "backtracking"),
]


@pytest.mark.parametrize(("make", "name", "value"), EDITS)
def test_an_option_that_is_edited_holds_from_the_next_step(task, make, name, value):
    """The run went on as it had begun, whatever was edited; now it is that of an optimizer made here."""
    run = task(make, max_iter=4)
    run.step()
    fresh = task(make, start=run.x.detach(), max_iter=4, **{name: value})
    run.optimizer.param_groups[0][name] = value
    run.step()
    fresh.step()
    assert torch.equal(run.x, fresh.x)
    run.step()
    fresh.step()
    assert torch.equal(run.x, fresh.x)


def test_hooks_see_a_step(task):
    run, seen = task(LBFGS, max_iter=2), []
    run.optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: seen.append(("before", len(run.losses), args)))
    run.optimizer.register_step_post_hook(lambda optimizer, args, kwargs: seen.append(("after", len(run.losses), args)))
    run.step()
    (before, none, first), (after, evaluations, second) = seen
    assert (before, none, after, evaluations) == ("before", 0, "after", run.optimizer.result.evaluations)
    assert first == second == (run.optimizer, run.closure)


def test_profilers_see_a_step_by_its_name(task):
    run = task(LBFGS, max_iter=2)
    with torch.autograd.profiler.profile() as profile:
        run.step()
    assert "Optimizer.step#LBFGS.step" in [event.key for event in profile.key_averages()]
