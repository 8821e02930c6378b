"""A run ends where the loss shows nothing of a step, and the slopes leave next to nothing to go."""

import pytest
import torch

from thalweg.optimizers.closure.function.objective import Point
from thalweg.optimizers.closure.run.result import Reason
from thalweg.optimizers.closure.run.stopping import Stopping


def at(distance):
    """A point beside the minimum of 1 + (x - 1)^2 in float32."""
    x = torch.tensor([1 + distance])
    return Point(x, float(1 + (x - 1) ** 2), 2 * (x - 1))


@pytest.mark.parametrize(("left", "reason"), [(1e-5, Reason.CHANGE), (3e-5, None), (-1e-5, Reason.CHANGE)])
def test_a_gradient_that_falls_on_may_leave_nothing_to_go(left, reason):
    """Newton's steps leave ever smaller shares of the gradient: one more would move by less than 100 roundings."""
    assert Stopping().after(at(4e-4), at(left), highest=5.0) is reason


def test_where_the_gradient_is_not_small_such_a_step_ends_nothing():
    """The loss has only come down by 1e-6, so that its rounding may hide much of what is still to be won."""
    assert Stopping().after(at(4e-4), at(1e-5), highest=1 + 1e-6) is None


def test_a_step_to_the_last_digit_goes_on():
    assert Stopping(tolerance_grad=0, tolerance_change=0).after(at(4e-4), at(1e-5), highest=5.0) is None
