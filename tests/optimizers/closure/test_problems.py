"""The benchmark's problems: gradients against finite differences, starts, minima, SciPy's final values."""

import sys
from pathlib import Path

import pytest

from thalweg.optimizers.closure import check_grad, minimize

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from problems import PROBLEMS

# f at the standard start, as More, Garbow & Hillstrom's test program prints it.
STARTS = {
    "rosenbrock": 24.2,
    "freudenstein_roth": 400.5,
    "beale": 14.203125,
    "helical_valley": 2500.0,
    "wood": 19192.0,
    "powell_singular": 215.0,
    "osborne_gaussians": 2.093420,
    "brown_dennis": 7926693.336997432,
}
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)


def test_there_are_enough_with_names_of_their_own():
    assert len({problem.name for problem in PROBLEMS}) == len(PROBLEMS) >= 59
    assert sum(problem.residuals is not None for problem in PROBLEMS) >= 43
    assert {problem.size for problem in PROBLEMS} >= {2, 100, 1000, 10_000}


@every_problem
def test_gradient_is_that_of_finite_differences(problem):
    x = (problem.start * 1.01 + 0.01).requires_grad_()

    def closure():
        x.grad = None
        value = problem.value(x)
        value.backward()
        return value

    assert check_grad(closure, [x], limit=20) < 1e-5
    assert problem.source


@pytest.mark.parametrize(("name", "value"), STARTS.items())
def test_the_start_is_the_published_one(name, value):
    problem = next(problem for problem in PROBLEMS if problem.name == name)
    assert float(problem.value(problem.start)) == pytest.approx(value, rel=1e-6)


# These two take more than a thousand evaluations, ten times as long as all others together: the benchmark has them.
LONG = {"network_fit", "nondiagonal_quartic"}


@pytest.mark.parametrize("problem", [each for each in PROBLEMS if each.name not in LONG], ids=lambda each: each.name)
def test_lbfgs_reaches_the_known_minimum(problem):
    found = minimize(problem.value, problem.start, max_eval=problem.budget)
    assert problem.minimum - 1e-6 * max(abs(problem.minimum), 1e-6) <= found.fun <= problem.target
