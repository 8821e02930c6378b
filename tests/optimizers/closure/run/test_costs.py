"""What a step costs: waits for the device, arithmetic, checkpoints."""

import io
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import thalweg
from thalweg.optimizers.closure import BFGS, CG, LBFGS
from thalweg.optimizers.closure.directions import broyden, conjugate_gradient, krylov, steepest
from thalweg.optimizers.closure.directions.broyden import FAMILIES, DenseInverse
from thalweg.optimizers.closure.directions.step import Step
from thalweg.optimizers.closure.function import objective, vector
from thalweg.optimizers.closure.function.objective import Point
from thalweg.optimizers.closure.proposals import along, line_search

HERE = str(Path(thalweg.__file__).parent)
"""Where the library's functions are."""


@pytest.fixture(name="waits")
def _waits(monkeypatch):
    """Count the reads of device numbers: every one is one wait on a GPU."""
    count = []

    def counted(*scalars):
        count.append(len(scalars))
        return vector.read_numbers(*scalars)

    for module in (objective, broyden, conjugate_gradient, krylov, steepest):
        monkeypatch.setattr(module, "read_numbers", counted)
    monkeypatch.setattr(objective, "read_with_product", lambda value, *pair: counted(value, vector.dot(*pair)))
    monkeypatch.setattr(line_search, "product", lambda one, two: counted(vector.dot(one, two))[0])
    assert not hasattr(along, "read_numbers")
    return count


@pytest.mark.parametrize("history", [5, 100])
def test_two_waits_an_iteration_whatever_the_history(task, waits, history):
    run = task(LBFGS, max_iter=60, history_size=history)
    run.step()
    result = run.optimizer.result
    retries = result.evaluations - 1 - result.iterations
    # One for the start and one for its size; at the end three to find the ground flat, one that x has not run away.
    assert len(waits) - 6 <= 2 * result.iterations + retries


def test_a_step_reads_no_other_number(task):
    """Nothing but read_numbers may wait: no .item(), no comparison of tensors."""
    reads = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function is torch.ops.aten._local_scalar_dense.default:
                reads.append(1)
            return function(*args, **(kwargs or {}))

    run = task(LBFGS, lambda x: x.pow(4).sum(), max_iter=30)
    run.closure = lambda: quiet(run)
    with Watch():
        run.step()
    result = run.optimizer.result
    # On the CPU each number is read alone: three an evaluation, one a direction.
    assert len(reads) <= 3 * result.evaluations + result.iterations + 4


def quiet(run):
    run.optimizer.zero_grad()
    loss = run.loss(run.x)
    loss.backward()
    return loss


class Multiplications(TorchDispatchMode):
    """Counts the multiplications in products of matrices and vectors."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in ("mm", "mv", "addmm", "addmm_", "dot"):
            left, right = [arg for arg in args if isinstance(arg, torch.Tensor)][-2:]
            self.total += left.numel() * (right.shape[1] if right.dim() == 2 else 1)
        return function(*args, **(kwargs or {}))


def test_dense_updates_cost_n_squared():
    def flops(n):
        ones, minus = torch.ones(n, dtype=torch.float64), -torch.ones(n, dtype=torch.float64)
        before, here = Point(ones, 1.0, 2 * ones, 2.0), Point(ones, 0.5, ones, 1.0)
        direction = DenseInverse(FAMILIES["self_scaled_broyden"], apart=1)
        step = Step(before, here, minus, 0.5, -2.0 * n, -1.0 * n)
        direction.learn(step)
        with Multiplications() as counter:
            direction.learn(step)
        return counter.total

    assert 3 < flops(200) / flops(100) < 4.5


def test_checkpoints_hold_the_history_once(task):
    start = torch.zeros(5000, dtype=torch.float64)
    weights = torch.linspace(1, 1000, 5000, dtype=torch.float64)
    run = task(LBFGS, lambda x: (weights * (x - 1) ** 2).sum(), start, max_iter=30, history_size=20)
    run.step()
    stream = io.BytesIO()
    torch.save(run.optimizer.state_dict(), stream)
    vectors = len(stream.getvalue()) / (8 * 5000)
    assert vectors < 2 * 20 + 5  # the pairs, the diagonal, the point, its gradient, and torch's gradient before


class Operations(TorchDispatchMode):
    """Notes the operations of torch that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def simple_run(make, iterations):
    """Return an optimizer, a closure that calls no function of Python's, and its losses."""
    x = torch.nn.Parameter(torch.zeros(8, dtype=torch.float64))
    weights = torch.linspace(1, 10, 8, dtype=torch.float64)
    losses = []

    def closure():
        away = x.detach() - 1
        x.grad = away * weights
        losses.append(0.5 * torch.dot(x.grad, away) + 1)
        return losses[-1]

    return make([x], max_iter=iterations, tolerance_grad=0, tolerance_change=0), closure, losses


def operations_of_a_run(make, iterations):
    """Return the operations outside the closure, and the evaluations."""
    optimizer, closure, losses = simple_run(make, iterations)
    inside = Operations()

    def counted():
        with inside:
            return closure()

    with Operations() as everything:
        optimizer.step(counted)
    return Counter(everything.names) - Counter(inside.names), len(losses)


@pytest.mark.parametrize(("make", "of_a_direction"), [(LBFGS, 3), (CG, 8)])
def test_few_operations_of_torch_an_evaluation(make, of_a_direction):
    few, first = operations_of_a_run(make, 2)
    many, last = operations_of_a_run(make, 6)
    # Go there, write, copy the gradient, take its product with the direction, read that and the loss.
    assert (many - few).total() <= 6 * (last - first) + of_a_direction * (6 - 2)


def test_few_operations_of_torch_in_a_first_step():
    assert operations_of_a_run(LBFGS, 1)[0].total() <= 30


def calls_of_a_run(make, iterations):
    """Return how many of the library's functions of Python were called, and the evaluations."""
    optimizer, closure, losses = simple_run(make, iterations)
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_filename) if event == "call" else None)
    try:
        optimizer.step(closure)
    finally:
        sys.setprofile(None)
    # Whatever else is called meanwhile, such as what cleans up after earlier tests, does not count.
    return sum(name.startswith(HERE) for name in calls), len(losses)


@pytest.mark.parametrize(("make", "of_a_direction"), [(LBFGS, 27), (CG, 32), (BFGS, 29)])
def test_few_calls_of_python_an_evaluation(make, of_a_direction):
    calls_of_a_run(make, 6)
    few, first = calls_of_a_run(make, 2)
    many, last = calls_of_a_run(make, 6)
    # The line, the objective, its function, writing, reading, products, a point, a trial, and two tests.
    assert many - few <= 10 * (last - first) + of_a_direction * (6 - 2)
