"""Blocks of 8 and of 4 bits: bounds on what is lost, on blocks made to lose as much as they can."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from thalweg.formula.words.random import Draws
from thalweg.state.formats.blocks import Blocks
from thalweg.state.formats.packed import packed
from thalweg.state.formats.stored import empty, places, read, write, write_nearest

SIGNED, UNSIGNED = Blocks(), Blocks(is_unsigned=True)
FORMS = {
    "signed": SIGNED,
    "unsigned": UNSIGNED,
    "signed, 4 bits": Blocks(bits=4),
    "unsigned, 4 bits": Blocks(is_unsigned=True, bits=4),
}
SHARE = {(8, False): 1 / 8, (8, True): 1 / 8, (4, False): 1.0, (4, True): 1 / 2}
"""A code's width, at most, as a share of its value: three bits after the point, none, or one."""

LARGEST = {(8, False): 1.875, (8, True): 1.875, (4, False): 1.0, (4, True): 1.5}
"""In units of the scale."""

EXPONENT = {(8, False): -14, (8, True): -30, (4, False): -6, (4, True): -6}
"""The least of a code that has all its bits."""


def kind(form):
    return form.bits, form.is_unsigned


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


def width(form, value):
    """A code's width: a share of the value, or of the smallest size that has all its bits."""
    peak = value.abs().max().item()
    scale = 2.0 ** min(math.ceil(math.log2(peak / LARGEST[kind(form)])), 127) if peak else 0.0
    return value.abs().clamp(min=max(scale, 2.0**-90) * 2.0 ** EXPONENT[kind(form)]) * SHARE[kind(form)]


def saturated(form, value):
    """What is above the largest code: of a larger scale float32 has no reciprocal."""
    return (value.abs() - LARGEST[kind(form)] * 2.0**126).clamp(min=0)


every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@every_form
@pytest.mark.parametrize("name", BLOCKS)
def test_no_more_than_half_a_width_is_lost(form, name):
    value = torch.tensor(BLOCKS[name])
    value = value.abs() if form.is_unsigned else value
    found = read(form, nearest(form, value), value)
    # what is not negative is never rounded to zero
    lost = width(form, value) * (1 if form.is_unsigned else 0.5) + saturated(form, value)
    assert ((found - value).abs() <= lost).all()
    assert torch.equal(found == 0, value == 0) if form.is_unsigned else (found * value >= 0).all()


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=600),
    st.integers(0, 2**31),
)
def test_any_block_comes_back_within_a_width(values, key):
    value = torch.tensor(values, dtype=torch.float32)
    draws = Draws(places(value), lambda: key - 2**30)
    for form in FORMS.values():
        numbers = value.abs() if form.is_unsigned else value
        parts = empty(form, numbers)
        write(form, parts, numbers, numbers, lambda count: draws.bits(0, count))
        found = read(form, parts, numbers)
        for block, back in zip(numbers.split(256), found.split(256), strict=True):
            assert ((back - block).abs() <= width(form, block) + saturated(form, block)).all()


@every_form
@pytest.mark.parametrize("random", [0, 0x8000, 0xFFFF])
def test_every_code_is_kept_as_it_is(form, random):
    """Reading and writing again changes nothing, whatever is drawn: the scale is a power of two."""
    codes, scale = torch.arange(2**form.bits, dtype=torch.uint8), torch.tensor([2.0**-7])
    value = read(form, [packed(codes) if form.is_packed else codes, scale], codes)
    parts = empty(form, value)
    write(form, parts, value, value, lambda count: torch.full(value.shape, random << (count - 16), dtype=torch.int32))
    back = read(form, parts, value)
    assert torch.equal(back, value)
    assert value.unique().numel() == 2**form.bits - (0 if form.is_unsigned else 1)  # zero has two signs


def test_what_four_bits_can_say():
    powers = torch.tensor([2.0**-exponent for exponent in range(7)])
    signed, unsigned = (
        read(FORMS[name], [packed(torch.arange(16, dtype=torch.uint8)), torch.ones(1)], torch.zeros(16)).tolist()
        for name in ("signed, 4 bits", "unsigned, 4 bits")
    )
    assert signed[:8] == [0.0, *powers.flip(0).tolist()]
    assert signed[8:] == [-value for value in signed[:8]]
    assert unsigned == sorted([0.0, 2.0**-7, *powers.tolist(), *(1.5 * powers).tolist()])


@every_form
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_spoils_its_block_and_no_other(form, poison):
    value = torch.ones(600)
    value[300] = poison
    found = read(form, nearest(form, value), value)
    assert found[256:512].isnan().all()
    assert torch.equal(found[:256], value[:256])
    assert torch.equal(found[512:], value[512:])


@pytest.mark.parametrize("name", ["signed", "signed, 4 bits"])
def test_a_sign_is_kept_unless_its_block_is_not_finite(name):
    """Zeros have one, too; that of NaN is chance, as processors make NaN with either."""
    zeros = torch.tensor([-0.0, 0.0, 1.0])
    assert read(FORMS[name], nearest(FORMS[name], zeros), zeros).signbit().tolist() == [True, False, False]
    nan = torch.tensor(math.nan).abs()
    codes = [nearest(FORMS[name], torch.stack([what, torch.tensor(-1.0)]))[0] for what in (nan, -nan)]
    assert torch.equal(*codes)


def test_blocks_follow_memory_and_not_the_indices():
    value = torch.randn(2, 300, 3, 2).contiguous(memory_format=torch.channels_last)
    codes, scale = nearest(SIGNED, value)
    assert codes.stride() == value.stride()
    flat = nearest(SIGNED, value.permute(0, 2, 3, 1).reshape(-1))
    assert torch.equal(codes.permute(0, 2, 3, 1).reshape(-1), flat[0])
    assert torch.equal(scale, flat[1])


def test_halves_of_a_block_share_its_bytes():
    """Element j has the low half of byte j, element j + 128 the high half; what is beyond the end is zero."""
    value = torch.ones(256 + 130)
    value[[3, 131, 256 + 129]] = -1.0
    codes, scale = nearest(FORMS["signed, 4 bits"], value)
    assert scale.tolist() == [1.0, 1.0]
    whole, rest = codes.view(2, 128)
    assert whole.tolist() == [0xFF if place == 3 else 0x77 for place in range(128)]
    assert rest.tolist() == [0x77, 0xF7, *[0x07] * 126]


@pytest.mark.slow
@every_form
def test_chance_is_fair(form):
    """A thousand draws of each of 256 numbers: the mean stays within five standard errors."""
    # less than the least is not rounded fairly where zero is not allowed
    value = torch.logspace(math.log10(2.0**-7) if form.is_unsigned and form.bits == 4 else -6, 0, 256)
    total, square, draws = torch.zeros(256).double(), torch.zeros(256).double(), 1000
    for key in range(draws):
        parts = empty(form, value)
        rounding = Draws(places(value), lambda key=key: key * 7919)
        write(form, parts, value, value, lambda count, rounding=rounding: rounding.bits(0, count))
        found = read(form, parts, value).double()
        total += found
        square += found * found
    mean = total / draws
    error = ((square / draws - mean * mean).clamp(min=0) / draws).sqrt()
    # a code that is drawn a few times in a thousand has no error to speak of: five draws are granted
    assert ((mean - value).abs() <= 5 * error + width(form, value) * 5 / draws).all()
    # nor all to one side: half a width, a thousand times for each of 256 numbers, has an error of 0.001
    assert ((mean - value) / width(form, value)).mean().abs() < 0.005
