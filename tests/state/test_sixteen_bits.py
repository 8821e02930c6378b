"""Formats of 16 bits: what comes back, and that chance is fair."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from thalweg.state.formats.sixteen_bits import Compensated, Rounded, Split
from thalweg.state.formats.stored import empty, read, write

ANY = st.lists(st.floats(width=32), min_size=1, max_size=40)
UNIT = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}
LEAST = {torch.bfloat16: 2.0**-133, torch.float16: 2.0**-24}


def kept(form, values, random=0):
    """Write numbers, and give all that they are kept in."""
    value = torch.tensor(values, dtype=torch.float32)
    parts = empty(form, torch.zeros(value.shape, dtype=form.dtype))
    write(form, parts, value, value, lambda count: torch.as_tensor(random, dtype=torch.int32).expand(value.shape))
    return parts


def back(form, parts):
    return read(form, parts, parts[0])


def same(one, other):
    """Equal to the bit, any NaN being as good as another."""
    one, other = one.numpy(), np.array(other, np.float32)
    return np.array_equal(
        np.where(np.isnan(one), 0, one.view(np.int32)), np.where(np.isnan(other), 0, other.view(np.int32))
    ) and np.array_equal(np.isnan(one), np.isnan(other))


@given(ANY)
def test_split_loses_nothing(values):
    assert same(back(Split(), kept(Split(), values)), values)


@given(ANY)
def test_the_half_that_is_seen_is_the_nearest(values):
    """To nearest, ties away from zero; beyond the largest number, infinity."""
    seen = kept(Split(), values)[0].float()
    for one, value in zip(seen.tolist(), values, strict=True):
        if math.isfinite(value) and abs(value) < 3.38e38:
            spacing = max(2.0 ** (math.frexp(value)[1] - 8), 2.0**-133)
            assert abs(one - value) <= spacing / 2
        else:
            assert math.isnan(one) == math.isnan(value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@given(ANY)
def test_compensation_keeps_twice_the_bits(dtype, values):
    form = Compensated(dtype)
    found = back(form, kept(form, values))
    limit = torch.finfo(dtype).max
    for one, value in zip(found.tolist(), values, strict=True):
        if math.isfinite(value) and abs(value) < limit:
            assert abs(one - value) <= 2 * abs(value) * UNIT[dtype] ** 2 + LEAST[dtype]
        elif not math.isfinite(value):
            assert one == value or (math.isnan(one) and math.isnan(value))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@given(ANY, st.integers(0, 2**16 - 1))
def test_chance_chooses_between_the_two_neighbours(dtype, values, random):
    form = Rounded(dtype, is_stochastic=True)
    found = back(form, kept(form, values, random))
    for one, value in zip(found.tolist(), values, strict=True):
        if not math.isfinite(value):
            assert one == value or (math.isnan(one) and math.isnan(value))
            continue
        below, above = neighbours(value, dtype)
        assert one in (below, above), (one, below, value, above)


def neighbours(value, dtype):
    """The numbers of a format next to one, or that number itself."""
    near = torch.tensor(value, dtype=torch.float64).to(dtype)
    wide = float(near)
    if wide == value:
        return wide, wide
    towards = math.inf if wide < value else -math.inf
    other = float(torch.nextafter(near, torch.tensor(towards, dtype=dtype)))
    return min(wide, other), max(wide, other)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_a_format_has_is_kept_as_it_is(dtype):
    every = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(dtype)
    form = Rounded(dtype, is_stochastic=True)
    for random in (0, 0x8000, 0xFFFF):
        found = back(form, kept(form, every.float().tolist(), random))
        assert torch.equal(found.isnan(), every.isnan())
        assert torch.equal(found.nan_to_num(0), every.float().nan_to_num(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("value", [1.003, -2.0001, 7.3e-6, 3.1e-5, 1000.7])
def test_the_mean_over_all_chances_is_the_number(dtype, value):
    """Over the 65,536 draws the mean is exact, but for the bits that 16 (float16: 13) random ones cannot weigh."""
    form = Rounded(dtype, is_stochastic=True)
    parts = empty(form, torch.zeros(2**16, dtype=dtype))
    draws = torch.arange(2**16, dtype=torch.int32)
    exact = torch.full((2**16,), value)
    write(form, parts, exact, exact, lambda count: draws)
    below, above = neighbours(exact[0].item(), dtype)
    assert back(form, parts).double().mean().item() == pytest.approx(exact[0].item(), abs=(above - below) * 2**-13)


def test_float16_keeps_what_steps_are_divided_by_from_zero_and_infinity():
    form = Rounded(torch.float16, is_unsigned=True)
    found = kept(form, [1e-30, 0.0, 1e30, math.inf, 1.0])[0].tolist()
    assert found == [2.0**-24, 0.0, 65504.0, 65504.0, 1.0]
