"""Any shape, layout and dtype: each element is updated as if it stood alone, densely, in its compute dtype."""

import pytest
import torch

from thalweg.state.layout import is_dense

from ..traits import in_turn
from .conftest import CATALOGUE

FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
SHAPES = [(), (1,), (4,), (0, 3), (3, 4), (2, 1, 3), (1, 2, 3, 4), (3, 4, 2, 2)]
LAYOUTS = ["dense", "channels_last", "transposed", "every second"]
STEPS = 4

pytestmark = pytest.mark.parametrize("engine", ["eager", "auto"])


def walked(cls, options, engine, param, gradients):
    """Where a parameter is after some steps, and its states."""
    optimizer = cls([param], **options, engine=engine)
    for gradient in gradients:
        param.grad = gradient
        optimizer.step()
    return param, optimizer.state[param]


def assert_same(one, other):
    """Bit for bit, values and states, whatever the layout."""
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True, check_stride=False)


def laid_out(tensor, layout):
    """The same numbers, placed differently in memory."""
    if layout == "channels_last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    if layout == "transposed" and tensor.dim() > 1:
        return tensor.transpose(0, 1).contiguous().transpose(0, 1)
    if layout == "every second":
        return torch.stack((tensor, tensor), -1)[..., 0]
    return tensor.clone()


@pytest.mark.elementwise
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_and_layout(cls, options, engine, shape):
    """Each class has all shapes, dtypes, and layouts; gradients are laid out in another way in each step."""
    turn = CATALOGUE.index(cls) + len(options) + SHAPES.index(shape)
    dtype, layout = in_turn(FLOATS, turn), in_turn(LAYOUTS, SHAPES.index(shape) + turn // len(FLOATS))
    start, gradients = torch.randn(shape).to(dtype), torch.randn(STEPS, *shape).to(dtype)
    placed = laid_out(start, layout)
    strides = placed.stride()
    same = engine if is_dense(placed) else "eager"  # memory with gaps is left to it, and it regroups no products
    flat, flat_states = walked(
        cls, options, same, start.flatten().clone(), [gradient.flatten() for gradient in gradients]
    )
    turned = [laid_out(gradient, in_turn(LAYOUTS, turn + step)) for step, gradient in enumerate(gradients)]
    param, states = walked(cls, options, engine, placed, turned)
    assert (param.shape, param.dtype, param.stride()) == (start.shape, dtype, strides)
    assert_same(param.flatten(), flat)
    assert_same(
        {key: state.flatten() for key, state in states.items()}, {k: s.flatten() for k, s in flat_states.items()}
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_states_have_the_parameters_shape_and_dtype(cls, options, engine, dtype):
    param, states = walked(cls, options, engine, torch.randn(3, 2).to(dtype), [torch.ones(3, 2, dtype=dtype)])
    for name, state in states.items():
        single = name == "step" or name in cls.rule.scalars
        wide = name in {"step", *cls.torchs_numbers} or (name in cls.rule.wide and dtype.itemsize < 4)
        kept = torch.float32 if wide else torch.float64 if single else dtype
        assert (state.shape, state.dtype) == (() if single else param.shape, kept), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_parameters_are_rounded_once_a_step(cls, options, engine, dtype):
    """One step from fresh states: compute in float32, then round."""
    start, gradient = torch.randn(50).to(dtype), torch.randn(50).to(dtype)
    options = options | {"lr": 2**-6}  # a state that starts with lr holds it exactly
    narrow, narrow_states = walked(cls, options, engine, start.clone(), [gradient])
    wide, wide_states = walked(cls, options, engine, start.float(), [gradient.float()])
    assert_same(narrow, wide.to(dtype))
    for name, state in narrow_states.items():
        wanted = wide_states[name].to(state.dtype)
        if name in cls.rule.unsigned and dtype is torch.float16:
            # A step is divided by it, and float16 ends at 2**-24.
            wanted = torch.where((wanted == 0) & (wide_states[name] > 0), 2**-24, wanted)
        assert_same(state, wanted)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers_are_pairs_of_real_ones(cls, options, engine, dtype):
    start, gradients = torch.randn(2, 3, dtype=dtype), torch.randn(STEPS, 2, 3, dtype=dtype)
    param, states = walked(cls, options, engine, start.clone(), list(gradients))
    pairs, pair_states = walked(
        cls, options, engine, torch.view_as_real(start).clone(), list(torch.view_as_real(gradients))
    )
    assert_same(torch.view_as_real(param), pairs)
    for name, state in states.items():
        assert_same(torch.view_as_real(state) if state.is_complex() else state, pair_states[name])


def test_a_parameter_that_is_a_view_changes_nothing_around_it(cls, required, engine):
    whole = torch.zeros(5, 5)
    walked(cls, required, engine, whole[1:4, 2], [torch.ones(3)])
    assert (whole[1:4, 2] != 0).all()
    assert whole.count_nonzero() == 3


def test_gradients_are_left_as_they_are(cls, options, engine):
    gradient = torch.randn(4)
    before = gradient.clone()
    walked(cls, options, engine, torch.randn(4), [gradient] * 2)
    assert torch.equal(gradient, before)


@pytest.mark.elementwise
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_with_its_element(cls, options, engine, value):
    gradient = torch.ones(3)
    clean, _ = walked(cls, options, engine, torch.ones(3), [gradient] * STEPS)
    gradient[1] = value
    param, _ = walked(cls, options, engine, torch.ones(3), [gradient] * STEPS)
    assert torch.equal(param[::2], clean[::2])
