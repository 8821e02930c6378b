"""Sums over all parameters: those of `math.fsum`, and what is counted of a common norm."""

import math

import pytest
import torch

from thalweg.engine.triton.total import CommonNorm, total

from .conftest import DEVICE


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64, device=DEVICE)


@pytest.mark.parametrize("count", [0, 1, 31, 33, 500])
def test_the_sum_is_exact_and_rounded_once(count):
    generator = torch.Generator().manual_seed(count)
    values = torch.randn(count, generator=generator, dtype=torch.float64)
    values *= 10.0 ** torch.randint(-12, 12, (count,), generator=generator)
    assert total(values.to(DEVICE)).item() == math.fsum(values.tolist())


def test_every_second_number():
    assert total(numbers(1.0, 100.0, 2.0, 100.0, 3.0, 100.0)[::2]).item() == 6.0


@pytest.mark.parametrize(("values", "wanted"), [((1.0, math.inf), math.inf), ((math.inf, -math.inf), math.nan)])
def test_where_there_is_no_sum(values, wanted):
    found = total(numbers(*values)).item()
    assert found == wanted or (math.isnan(found) and math.isnan(wanted))


def test_steps_are_counted_in_place():
    """So that a CUDA graph counts when it is replayed."""
    common = CommonNorm(DEVICE)
    counts = common.counts
    for squares, left_out in (((9.0, 16.0), 0), ((1.0, 0.0), 0), ((math.nan, 1.0), 1), ((math.inf, 1.0), 1)):
        common.take(numbers(*squares), 2.0, skips=True)
        assert common.left_out.item() == left_out
    assert counts.tolist() == [1.0, 2.0]
    common.take(numbers(9.0, 16.0), 5.0, skips=True)
    assert (common.norm.item(), counts.tolist()) == (5.0, [1.0, 2.0])
