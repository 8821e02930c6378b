"""Conjugate gradients: each beta by its paper's formula, and when they start anew."""

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure.directions.conjugate_gradient import BETAS, ConjugateGradient
from thalweg.optimizers.closure.directions.limited_memory import LimitedMemory
from thalweg.optimizers.closure.directions.step import Step
from thalweg.optimizers.closure.function.objective import Point

from .test_directions import point, vector


def step_of(n=6):
    """A step with nothing special about it: its slopes are those of its gradients, its values say nothing."""
    old, new, d = vector(n, 11), vector(n, 12), vector(n, 13)
    d = d * -torch.sign(torch.dot(old, d))
    new = new * torch.sign(torch.dot(new - old, d)) if torch.dot(new - old, d) < 0 else new
    return Step(point(old), point(new), d, 0.3, float(torch.dot(old, d)), float(torch.dot(new, d)))


def published(beta, g, old, d):
    """The formulas as Hager & Zhang 2006, "A survey of nonlinear conjugate gradient methods", table 1, lists them."""
    y = g - old
    hs, dy = torch.dot(g, y) / torch.dot(d, y), torch.dot(g, g) / torch.dot(d, y)
    hz = torch.dot(y - 2 * d * torch.dot(y, y) / torch.dot(d, y), g) / torch.dot(d, y)
    return {
        "pr+": (torch.dot(g, y) / torch.dot(old, old)).clamp_min(0),
        "hs": hs,
        "dy": dy,
        "hs-dy": torch.minimum(hs, dy).clamp_min(0),
        "hz": torch.maximum(hz, 0.4 * torch.dot(d, old) / torch.dot(d, d)),
    }[beta]


@pytest.mark.parametrize("beta", sorted(set(BETAS) - {"shanno"}))
def test_betas_are_the_published_ones(beta):
    step = step_of()
    assert step.bends_up
    direction = ConjugateGradient(BETAS[beta])
    direction.learn(step)
    g, d = step.here.gradient, step.direction
    assert_close(direction(step.here, None), published(beta, g, step.before.gradient, d) * d - g)


def test_shannos_direction_is_bfgs_without_memory():
    step = step_of()
    direction, memory = ConjugateGradient(BETAS["shanno"]), LimitedMemory(1)
    direction.learn(step)
    memory.learn(step)
    assert_close(direction(step.here, None), memory(step.here, None))
    assert direction.first_trial(step.here, -1.0) == 1.0


def test_conjugate_gradients_start_anew_where_nothing_bends_and_after_six_n_steps():
    step = step_of()
    direction = ConjugateGradient(BETAS["pr+"])
    direction.learn(Step(step.before, step.here, step.direction, step.alpha, step.slope_before, step.slope_before))
    assert direction.fresh
    for _ in range(36):
        direction.learn(step)
    assert not direction.fresh
    direction.learn(step)
    assert direction.fresh


@pytest.mark.parametrize("beta", BETAS)
def test_a_step_that_changes_no_gradient_starts_anew(beta):
    """Sums of squares near 1e20 hide a change of 1: g'g - 2 g'h + h'h comes to zero, and formulas divide by it."""
    old, direction = torch.tensor([1e10, 1.0]).double(), torch.tensor([0.0, -1.0]).double()
    cg, new = ConjugateGradient(BETAS[beta]), torch.tensor([1e10, 0.5]).double()
    ends = Point(old, 1.0, old), Point(old, 0.5, new)
    cg.learn(Step(*ends, direction, 0.5, -1.0, -0.5))
    assert cg(ends[1], None).tolist() == (-new).tolist()
    assert cg.fresh


@pytest.mark.parametrize("name", BETAS)
def test_a_change_of_the_gradient_whose_square_is_lost_starts_anew(name):
    """As CUTEst had one: y'y is the smallest number there is, and a fifth of it is none."""
    old, new = (torch.tensor([g], dtype=torch.float64) for g in (-1.6e-162, -1e-180))
    ends = Point(torch.zeros(1, dtype=torch.float64), 1.0, old), Point(torch.ones(1, dtype=torch.float64), 0.0, new)
    step = Step(*ends, torch.tensor([1e-200], dtype=torch.float64), 1e200, -1e-100, 1e-100)
    cg = ConjugateGradient(BETAS[name])
    cg.learn(step)
    assert torch.isfinite(cg(ends[1], None)).all()
