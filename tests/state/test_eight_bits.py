"""Blocks of 8 bits: bounds on what is lost, on blocks made to lose as much as they can."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from thalweg.formula.random import Draws
from thalweg.state.eight_bits import Blocks
from thalweg.state.stored import empty, places, read, write, write_nearest

SIGNED, UNSIGNED = Blocks(), Blocks(is_unsigned=True)
SHARE = 2.0**-3
"""A code's width, at most, as a share of its value."""

BLOCKS = {
    "one huge": [1e30] + [1e-3] * 255,
    "all equal": [0.3] * 256,
    "zeros": [0.0] * 256,
    "denormals": [1e-42] * 255 + [3e-45],
    "signs": [(-1) ** index * 1.01**index for index in range(256)],
    "every size": [2.0 ** (index / 4 - 32) for index in range(256)],
    "largest": [3.4028234663852886e38] * 3 + [1.0] * 253,
    "short": [5.0, -0.001, 0.0],
    "one": [-7.5],
}


def nearest(form, value):
    parts = empty(form, value)
    write_nearest(form, parts, value, value)
    return parts


def bound(form, value):
    """Half a code's width: a sixteenth of the value, or of the smallest size that has all three bits."""
    peak = value.abs().max().item()
    scale = 2.0 ** min(math.floor(math.log2(peak * 1.0666666)), 127) if peak else 0.0
    least = max(scale, 2.0**-90) * 2.0**form.least_exponent
    return value.abs().clamp(min=least) * SHARE / 2


@pytest.mark.parametrize("form", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
@pytest.mark.parametrize("name", BLOCKS)
def test_no_more_than_half_a_width_is_lost(form, name):
    value = torch.tensor(BLOCKS[name])
    value = value.abs() if form.is_unsigned else value
    found = read(form, nearest(form, value), value)
    saturated = (value.abs() - 1.875 * 2.0**127).clamp(min=0)  # float32 has no larger scale
    floor = (
        bound(form, value) * (2 if form.is_unsigned else 1) + saturated
    )  # what is not negative is never rounded to zero
    assert ((found - value).abs() <= floor).all()
    assert torch.equal(found == 0, value == 0) if form.is_unsigned else (found * value >= 0).all()


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=600),
    st.integers(0, 2**31),
)
def test_any_block_comes_back_within_a_width(values, key):
    value = torch.tensor(values, dtype=torch.float32)
    draws = Draws(places(value), lambda: key - 2**30)
    for form, numbers in ((SIGNED, value), (UNSIGNED, value.abs())):
        parts = empty(form, numbers)
        write(form, parts, numbers, numbers, lambda: draws.sixteen(0))
        found = read(form, parts, numbers)
        for block, back in zip(numbers.split(256), found.split(256), strict=True):
            saturated = (block.abs() - 1.875 * 2.0**127).clamp(min=0)
            assert ((back - block).abs() <= 2 * bound(form, block) + saturated).all()


@pytest.mark.parametrize("form", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
@pytest.mark.parametrize("random", [0, 0x8000, 0xFFFF])
def test_every_code_is_kept_as_it_is(form, random):
    """Reading and writing again changes nothing, whatever is drawn: the scale is a power of two."""
    codes, scale = torch.arange(256, dtype=torch.uint8), torch.tensor([2.0**-7])
    value = read(form, [codes, scale], codes)
    parts = empty(form, value)
    write(form, parts, value, value, lambda: torch.full((256,), random, dtype=torch.int32))
    back = read(form, parts, value)
    assert torch.equal(back, value)
    assert value.unique().numel() == (256 if form.is_unsigned else 255)  # zero has two signs


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_spoils_its_block_and_no_other(poison):
    value = torch.ones(600)
    value[300] = poison
    found = read(SIGNED, nearest(SIGNED, value), value)
    assert found[256:512].isnan().all()
    assert torch.equal(found[:256], value[:256])
    assert torch.equal(found[512:], value[512:])


def test_blocks_follow_memory_and_not_the_indices():
    value = torch.randn(2, 300, 3, 2).contiguous(memory_format=torch.channels_last)
    codes, scale = nearest(SIGNED, value)
    assert codes.stride() == value.stride()
    flat = nearest(SIGNED, value.permute(0, 2, 3, 1).reshape(-1))
    assert torch.equal(codes.permute(0, 2, 3, 1).reshape(-1), flat[0])
    assert torch.equal(scale, flat[1])


@pytest.mark.slow
@pytest.mark.parametrize("form", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
def test_chance_is_fair(form):
    """A thousand draws of each of 256 numbers: the mean stays within five standard errors."""
    value = torch.logspace(-6, 0, 256)
    total, square, draws = torch.zeros(256).double(), torch.zeros(256).double(), 1000
    for key in range(draws):
        parts = empty(form, value)
        rounding = Draws(places(value), lambda key=key: key * 7919)
        write(form, parts, value, value, lambda rounding=rounding: rounding.sixteen(0))
        found = read(form, parts, value).double()
        total += found
        square += found * found
    mean = total / draws
    error = ((square / draws - mean * mean).clamp(min=0) / draws).sqrt()
    # a code that is drawn a few times in a thousand has no error to speak of: five draws are granted
    assert ((mean - value).abs() <= 5 * error + value * SHARE * 5 / draws).all()
    # nor all to one side: half a width, a thousand times for each of 256 numbers, has an error of 0.001
    assert ((mean - value) / (value * SHARE)).mean().abs() < 0.005
