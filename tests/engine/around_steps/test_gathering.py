"""Gradients that wait for a step: poisoned ones, lengths that change, sums that have come from elsewhere."""

import copy
import math

import pytest
import torch

import thalweg as optim


@pytest.fixture(params=["auto", "eager"])
def engine(request):
    return request.param


def training(engine, cls=optim.SGD, **options):
    param = torch.nn.Parameter(torch.zeros(3))
    optimizer = cls([param], lr=1.0, engine=engine, **options)

    def give(*values):
        for value in values:
            param.grad = torch.full((3,), float(value))
            optimizer.step()
        return param.detach()[0].item()

    return param, optimizer, give


def test_a_gradient_that_is_not_finite_is_not_gathered(engine):
    """The twenty that come after it make ten steps."""
    _, optimizer, give = training(engine, accumulate=2, skip_nonfinite=True)
    assert give(math.nan, *[1] * 20) == -10
    assert optimizer.metrics["skipped"] == 1


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_wherever_it_comes_the_others_count(engine, place, poison):
    _, optimizer, give = training(engine, accumulate=3, skip_nonfinite=True)
    values = [1, 2, 6]
    assert give(*values[:place], poison, *values[place:]) == -3
    assert optimizer.param_groups[0]["gathered"] == 0


def test_a_sum_that_came_poisoned_is_dropped(engine):
    """As in a checkpoint of a version that gathered what was not finite: one step is left out, and no more."""
    param, optimizer, give = training(engine, accumulate=2, skip_nonfinite=True)
    give(1)
    optimizer.state[param]["accumulated"].fill_(math.nan)
    saved = copy.deepcopy(optimizer.state_dict())
    optimizer.load_state_dict(saved)
    assert give(1) == 0
    assert give(1, 1, 2, 2) == -3
    assert optimizer.metrics["skipped"] == 1


CHANGES = {
    "fewer, at once over": (4, [1, 2], 2, [6], -3),
    "fewer, not yet over": (4, [1], 3, [2, 6], -3),
    "none at all": (4, [1, 2], 1, [6], -3),
    "more": (2, [1], 3, [2, 6], -3),
    "more, after a whole cycle": (2, [1, 1], 3, [1, 2, 6], -4),
    "none, after a whole cycle": (2, [1, 1], 1, [3], -4),
    "and back": (1, [1], 2, [2, 4], -4),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cycle_ends_with_the_mean_of_what_was_gathered(change, engine):
    before, first, after, then, wanted = CHANGES[change]
    _, optimizer, give = training(engine, accumulate=before)
    give(*first)
    optimizer.param_groups[0]["accumulate"] = after
    assert give(*then) == wanted
    # What follows is a cycle of the new length, and nothing of before comes back.
    assert give(*[2] * after) == wanted - 2
    optimizer.param_groups[0]["accumulate"] = 4
    assert give(4, 4, 4) == wanted - 2
    assert give(4) == wanted - 6


def test_groups_that_wait_for_different_numbers_are_refused(engine):
    params = [torch.nn.Parameter(torch.zeros(3)) for _ in range(2)]
    for counts in ((2, 3), (1, 2), (2, 1)):
        optimizer = optim.SGD([{"params": [param]} for param in params], lr=1.0, engine=engine)
        for group, count in zip(optimizer.param_groups, counts, strict=True):
            group["accumulate"] = count
        for param in params:
            param.grad = torch.ones(3)
        with pytest.raises(ValueError, match="accumulate must be the same in all parameter groups, but group 1 has"):
            optimizer.step()
        assert not any(param.any() for param in params)


def test_clipping_and_counting_go_by_the_mean(engine):
    """Only the step along the mean is clipped and counted, though gradients are looked at before."""
    _, optimizer, give = training(engine, accumulate=2, skip_nonfinite=True, max_grad_norm=0.5)
    assert give(3, 5) == pytest.approx(-0.5 / math.sqrt(3), rel=1e-5)  # 1e-6 is added to a norm that is divided by
    assert optimizer.metrics["clipped"] == 1
    assert optimizer.metrics["grad_norm"] == pytest.approx(4 * math.sqrt(3))


def test_norms_too_large_for_a_float_are_infinite(engine):
    """As torch says, where the sum of squares is no number of float64."""
    params = [torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(20)]
    optimizer = optim.SGD(params, lr=1.0, max_grad_norm=1.0, track=True, engine=engine)
    for param in params:
        param.grad = torch.full((1,), 6e153, dtype=torch.float64)
    optimizer.step()
    assert optimizer.metrics["grad_norm"] == math.inf
