"""States in 4 bits: they lie in the order of the indices, whatever the parameter's, and a checkpoint says no more."""

import copy
import re

import pytest
import torch

import thalweg as optim
from thalweg.formula.words.random import Draws
from thalweg.state.formats.blocks import Blocks
from thalweg.state.formats.stored import empty, places, read, write

CHANNELS_LAST = torch.channels_last


def trained(state_dtype, lying=torch.contiguous_format, steps=3):
    """Train a convolution's weights, which are more than the fewest that have blocks."""
    torch.manual_seed(0)
    param = torch.nn.Parameter(torch.randn(8, 70, 3, 3).to(memory_format=lying))
    optimizer = optim.AdamW([("weight", param)], lr=0.1, state_dtype=state_dtype)
    stepped(optimizer, steps)
    return optimizer


def stepped(optimizer, steps):
    (param,) = optimizer.param_groups[0]["params"]
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        param.grad = torch.randn(param.shape, generator=generator).to(memory_format=torch.preserve_format)
        optimizer.step()


def moments(optimizer):
    return optimizer.state_dict(state_dtype=torch.float32)["state"][0]


def only_state(optimizer):
    (state,) = optimizer.state.values()
    return state


def test_half_a_byte_for_each_element_of_whole_blocks():
    state = only_state(trained("4bit"))
    blocks = -(-8 * 70 * 9 // 256)
    assert state["exp_avg"].shape == state["exp_avg_sq"].shape == (128 * blocks,)
    assert state["exp_avg_scale"].shape == state["exp_avg_sq_scale"].shape == (blocks,)


def test_where_memory_has_another_order_8_bits_are_kept():
    optimizer = trained("4bit", CHANNELS_LAST)
    assert only_state(optimizer)["exp_avg"].stride() == optimizer.param_groups[0]["params"][0].stride()
    assert "exp_avg in blocks of 8 bits" in optimizer.explain()


@pytest.mark.parametrize("lying", [torch.contiguous_format, CHANNELS_LAST], ids=str)
@pytest.mark.parametrize("other", ["8bit", torch.float32], ids=str)
def test_what_four_bits_can_say_every_wider_format_can(lying, other):
    saved, loading = trained("4bit"), trained(other, lying, steps=0)
    loading.load_state_dict(saved.state_dict())
    torch.testing.assert_close(moments(loading), moments(saved), rtol=0, atol=0)


def test_back_from_another_order_they_are_where_they_were():
    saved = trained("4bit")
    between = trained("4bit", CHANNELS_LAST, steps=0)
    between.load_state_dict(saved.state_dict())
    back = trained("4bit", steps=0)
    back.load_state_dict(between.state_dict())
    assert only_state(back)["exp_avg"].dim() == 1
    torch.testing.assert_close(moments(back), moments(saved), rtol=0, atol=0)


def test_a_parameter_that_is_laid_out_anew_keeps_its_states():
    """They go on in 8 bits, whose order in memory can be any."""
    optimizer = trained("4bit")
    (param,) = optimizer.param_groups[0]["params"]
    before = moments(optimizer)
    param.data = param.data.to(memory_format=CHANNELS_LAST)
    torch.testing.assert_close(moments(optimizer), before, rtol=0, atol=0)
    stepped(optimizer, 1)
    assert "as machine code (llvm)" in optimizer.explain()
    # of each mean 0.9 stays; chance moves it by a width at most
    torch.testing.assert_close(moments(optimizer)["exp_avg"], 0.9 * before["exp_avg"], rtol=1, atol=1)


@pytest.mark.parametrize(
    ("name", "shape"), [("exp_avg", (20,)), ("exp_avg", (8, 70)), ("exp_avg_scale", (19,)), ("exp_avg_sq_scale", ())]
)
def test_codes_and_scales_of_another_length_are_refused(name, shape):
    """A kernel would read beyond their end."""
    optimizer = trained("4bit")
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    saved["state"][0][name] = saved["state"][0][name].new_zeros(shape)
    sentence = f"parameter 'weight' has shape (8, 70, 3, 3), but its {name} has {shape}"
    with pytest.raises(ValueError, match=f"^cannot load this state_dict into AdamW: {re.escape(sentence)}$"):
        optimizer.load_state_dict(saved)
    torch.testing.assert_close(optimizer.state_dict()["state"], before["state"], rtol=0, atol=0)


def test_small_tensors_keep_float32():
    param = torch.nn.Parameter(torch.ones(4095))
    optimizer = optim.AdamW([param], state_dtype="4bit")
    param.grad = torch.ones_like(param)
    optimizer.step()
    assert optimizer.state[param]["exp_avg"].dtype is torch.float32


def running(form, decay, sizes, squared):
    """Keep the running mean of gradients that are nothing but noise, and the one without rounding."""
    generator = torch.Generator().manual_seed(0)
    exact = torch.zeros_like(sizes)
    parts = empty(form, exact)
    for key in range(round(5 / (1 - decay))):
        grad = torch.randn(sizes.shape, generator=generator) * sizes
        grad = grad * grad if squared else grad
        draws = Draws(places(sizes), lambda key=key: key * 7919)
        new = decay * read(form, parts, sizes) + (1 - decay) * grad
        write(form, parts, new, sizes, lambda count, draws=draws: draws.bits(0, count))
        exact = decay * exact + (1 - decay) * grad
    return read(form, parts, exact), exact


SIZES = torch.logspace(-1, 0, 1 << 14)[torch.randperm(1 << 14, generator=torch.Generator().manual_seed(0))]


def test_a_first_moment_is_right_on_average_and_off_by_less_than_itself():
    found, exact = running(Blocks(bits=4), 0.9, SIZES, squared=False)
    size = exact.square().mean().sqrt()
    assert ((found - exact) / size).mean().abs() < 0.03
    assert 0.6 < ((found - exact) / size).std() < 0.8


def test_a_second_moment_makes_steps_a_little_longer():
    """The root of what is off in both directions is too small on average: what the page on precision says of it."""
    found, exact = running(Blocks(is_unsigned=True, bits=4), 0.99, SIZES, squared=True)
    assert 0.4 < (found / exact).std() < 0.6
    assert 1.02 < (exact / found).sqrt().mean() < 1.05
