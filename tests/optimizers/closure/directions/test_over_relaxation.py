"""Where Newton's steps are too short again and again, the next one is longer."""

import math

import pytest
import torch

from thalweg import LBFGS
from thalweg.optimizers.closure.directions.over_relaxation import OverRelaxation
from thalweg.optimizers.closure.directions.step import Step
from thalweg.optimizers.closure.function.objective import Point

NOWHERE = Point(torch.zeros(1), 0.0, torch.zeros(1))


def after(*steps):
    """The factor after steps of a length, None for the one that is proposed, each of which leaves a share."""
    relaxed = OverRelaxation()
    for alpha, share in steps:
        relaxed.learn(Step(NOWHERE, NOWHERE, torch.ones(1), alpha or relaxed.factor, -2.0, -2.0 * share))
    return relaxed.factor


@pytest.mark.parametrize(
    ("steps", "factor"),
    [
        ([(1.0, 0.3)], 1),
        ([(1.0, 0.37), (1.0, 0.3)], 1 / 0.7),
        ([(1.0, 0.45), (1.0, 0.3)], 1),  # unlike
        ([(1.0, 0.1), (1.0, 0.1)], 1),  # long enough
        ([(1.0, 0.6), (1.0, 0.6)], 1),  # much too short: a wrong scale
        ([(1.0, 0.3), (0.5, 0.3), (1.0, 0.3)], 1),  # the search went elsewhere
        ([(1.0, 0.25), (1.0, 0.25), (None, 0.2)], 4 / 3 / 0.8),
        ([(1.0, 0.4), (1.0, 0.4), (None, 0.3)], 2),  # never longer
        ([(1.0, 0.3), (1.0, 0.3), (None, 0.05)], 1),  # it was long enough
        ([(1.0, 0.3), (1.0, 0.3), (None, 0.05), (1.0, 0.3)], 1 / 0.7),
        ([(1.0, 0.3), (1.0, 0.3), (None, -0.2), (1.0, 0.3)], 1),  # it was too long
    ],
)
def test_shares_of_the_slope_that_are_alike_make_the_next_step_longer(steps, factor):
    assert after(*steps) == pytest.approx(factor, rel=1e-12)


def quartic(x):
    """A minimum where the Hessian vanishes."""
    return ((x - 1) ** 4 * torch.tensor([1.0, 2.0, 4.0], dtype=x.dtype)).sum()


def descent(steps, saved_after=math.inf):
    """The losses of a run, which is saved and loaded after some steps, and the evaluations it has taken."""
    x = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer, losses = LBFGS([x], max_iter=1, tolerance_grad=0, tolerance_change=0), []

    def closure():
        optimizer.zero_grad()
        loss = quartic(x)
        loss.backward()
        losses.append(loss.item())
        return loss

    for step in range(steps):
        optimizer.step(closure)
        if step == saved_after:
            state, optimizer = optimizer.state_dict(), LBFGS([x], max_iter=1)
            optimizer.load_state_dict(state)
    return losses


def test_a_singular_minimum_takes_fewer_evaluations(monkeypatch):
    def to_a_hundred_millionth():
        losses = descent(30)
        return next(count for count, loss in enumerate(losses, 1) if loss < 1e-8 * losses[0])

    longer = to_a_hundred_millionth()
    monkeypatch.setattr(OverRelaxation, "learn", lambda *_: None)
    assert longer < 0.85 * to_a_hundred_millionth()


def test_longer_steps_are_resumed_bit_for_bit():
    whole = descent(20)
    assert all(descent(20, saved_after) == whole for saved_after in range(3, 12))
