"""The functions that kernels are made of, each by itself, on what is special."""

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from thalweg.engine.triton.device.rounding import exact
from thalweg.engine.triton.language.arithmetic import (
    bfloat16,
    bits,
    divide,
    exponent,
    float16,
    from_bits,
    from_scaled_bits,
    integer,
    mantissa,
    maximum,
    minimum,
    negate,
    scaled_bits,
    shift_right,
    sign,
    square_root,
    times_power_of_two,
)

from ..llvm.test_bits import any_bits
from ..oracle import NUMPY
from .conftest import DEVICE

SIZE = 1024
EXACT = exact(DEVICE)
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, 65519.0, 65520.0, 1e-8]


@triton.jit
def one_kernel(x, results, FUNCTION: tl.constexpr, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    tl.store(results + place, FUNCTION(tl.load(x + place)))


@triton.jit
def two_kernel(x, y, results, FUNCTION: tl.constexpr, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    tl.store(results + place, FUNCTION(tl.load(x + place), tl.load(y + place)))


def numbers(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    values = any_bits(SIZE, dtype, 0)
    values[: len(SPECIAL)] = torch.tensor(SPECIAL).roll(seed)
    return values.to(DEVICE)


def assert_same(found, wanted):
    found, wanted = found.cpu().numpy(), np.asarray(wanted)
    kind = np.uint32 if found.itemsize == 4 else np.uint64
    same = found.view(kind) == wanted.astype(found.dtype).view(kind)
    assert (same | (np.isnan(found) & np.isnan(wanted)) if found.dtype.kind == "f" else same).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", [negate, square_root, sign], ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_one(function, dtype):
    x = numbers(dtype=dtype)
    results = torch.empty_like(x)
    one_kernel[(1,)](x, results, FUNCTION=function, SIZE=SIZE, **EXACT)
    name = {"square_root": "sqrt"}.get(function.__name__, function.__name__)
    assert_same(results, NUMPY[name](x.cpu().numpy()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", [divide, maximum, minimum], ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_two(function, dtype):
    x, y = numbers(0, dtype), numbers(1, dtype)
    results = torch.empty_like(x)
    two_kernel[(1,)](x, y, results, FUNCTION=function, SIZE=SIZE, **EXACT)
    assert_same(results, NUMPY[function.__name__](x.cpu().numpy(), y.cpu().numpy()))


@pytest.mark.parametrize(("dtype", "reach"), [(torch.float32, 300.0), (torch.float64, 2500.0)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_powers_of_two(dtype, reach):
    """Of positive numbers, denormal ones too, and of products that overflow or are denormal."""
    x = numbers(dtype=dtype).abs()
    x = torch.where((x > 0) & (x < np.inf), x, torch.finfo(dtype).smallest_normal / 8)
    found, parts, products = (torch.empty_like(x) for _ in range(3))
    one_kernel[(1,)](x, found, FUNCTION=exponent, SIZE=SIZE, **EXACT)
    one_kernel[(1,)](x, parts, FUNCTION=mantissa, SIZE=SIZE, **EXACT)
    digits, exponents = np.frexp(x.cpu().numpy())
    assert_same(found, (exponents - 1).astype(digits.dtype))
    assert_same(parts, 2 * digits)
    whole = torch.linspace(-reach, reach, SIZE, dtype=dtype, device=DEVICE).round()
    whole[0] = np.nan
    parts[0] = np.nan
    two_kernel[(1,)](parts, whole, products, FUNCTION=times_power_of_two, SIZE=SIZE, **EXACT)
    assert_same(products, np.ldexp(parts.cpu().numpy(), whole.nan_to_num().int().cpu().numpy()))


@pytest.mark.parametrize("function", [bfloat16, float16], ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rounding_to_narrow_formats(function):
    x = numbers()
    results = torch.empty_like(x)
    one_kernel[(1,)](x, results, FUNCTION=function, SIZE=SIZE, **EXACT)
    assert_same(results, NUMPY[function.__name__](x.cpu().numpy()))


def test_bits():
    x = numbers()
    whole = torch.empty(SIZE, dtype=torch.int32, device=DEVICE)
    one_kernel[(1,)](x, whole, FUNCTION=bits, SIZE=SIZE, **EXACT)
    assert (whole == x.view(torch.int32)).all()
    back = torch.empty_like(x)
    one_kernel[(1,)](whole, back, FUNCTION=from_bits, SIZE=SIZE, **EXACT)
    assert (back.view(torch.int32) == whole).all()
    places = torch.full_like(whole, 5)
    shifted = torch.empty_like(whole)
    two_kernel[(1,)](whole, places, shifted, FUNCTION=shift_right, SIZE=SIZE, **EXACT)
    assert (shifted.cpu().numpy() == (whole.cpu().numpy().view(np.uint32) >> 5).view(np.int32)).all()


def test_whole_numbers_wrap_around():
    known = {0.0: 0, 1.0: 1, -1.0: -1, 2.0**31: -(2**31), 2.0**32 + 7: 7, -(2.0**40) - 3: -3}
    x = torch.tensor([*known], dtype=torch.float64, device=DEVICE).repeat(SIZE)[:SIZE]
    results = torch.empty(SIZE, dtype=torch.int32, device=DEVICE)
    one_kernel[(1,)](x, results, FUNCTION=integer, SIZE=SIZE, **EXACT)
    assert results[: len(known)].tolist() == [*known.values()]


def test_bits_times_a_power_of_two():
    """Where the product is denormal, too: it is rounded to nearest even."""
    factor = 2.0**-112
    x = numbers().abs()
    x = torch.where(x < 1e9, x, 1.0)
    x[20:40] = torch.logspace(-9, -3, 20, device=DEVICE)
    results = torch.empty(SIZE, dtype=torch.int32, device=DEVICE)
    two_kernel[(1,)](x, torch.full_like(x, factor), results, FUNCTION=scaled_bits, SIZE=SIZE, **EXACT)
    wanted = (x.cpu().double().numpy() * factor).astype(np.float32)
    assert (results.cpu().numpy() == wanted.view(np.int32)).all()
    back = torch.empty_like(x)
    two_kernel[(1,)](results, torch.full_like(x, 1 / factor), back, FUNCTION=from_scaled_bits, SIZE=SIZE, **EXACT)
    assert_same(back, wanted.astype(np.float64) / factor)
