"""Each row of the table: its columns say the same, and NumPy is the judge."""

import itertools
import math
import string

import numpy as np
import pytest
import torch

from thalweg.formula.graph.ops import OPS, ROWS

NUMPY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "sign": lambda x: np.where(np.isnan(x), 0.0, np.sign(x)),
    "exponent": lambda x: np.floor(np.log2(x)),
    "mantissa": lambda x: np.ldexp(x, -np.floor(np.log2(x)).astype(int)),
    "times_power_of_two": lambda x, n: np.ldexp(x, n.astype(int)),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "by_precision": lambda a, b: b,
    "where": np.where,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "both": np.logical_and,
    "either": np.logical_or,
    "differ": np.logical_xor,
    "opposite": np.logical_not,
    "power": np.float_power,
    "bfloat16": lambda x: narrowed(x),
    "float16": lambda x: x.astype(np.float32).astype(np.float16).astype(np.float64),
    "bits": lambda x: x.astype(np.float32).view(np.int32),
    "from_bits": lambda x: x.astype(np.int32).view(np.float32).astype(np.float64),
    "scaled_bits": lambda x, factor: (x * factor).astype(np.float32).view(np.int32),
    "from_scaled_bits": lambda x, factor: x.view(np.float32).astype(np.float64) * factor,
    "integer": lambda x: x.astype(np.int64).astype(np.int32),
    "from_integer": lambda x: x.astype(np.float64),
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "shift_left": np.left_shift,
    "shift_right": lambda x, n: (x.view(np.uint32) >> n.view(np.uint32)).view(np.int32),
    "add_bits": np.add,
    "subtract_bits": np.subtract,
    "multiply_bits": np.multiply,
    "maximum_bits": np.maximum,
    "minimum_bits": np.minimum,
    "where_bits": np.where,
}


def narrowed(x):
    """Round to bfloat16, to nearest even, by whole numbers alone."""
    number = x.astype(np.float32)
    bits = number.view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(number), np.nan, rounded).astype(np.float64)


RNG = np.random.default_rng(0)
NUMBERS = [0.0, 1.0, -1.0, 2.5, -3.0, 0.1, 1e-300, 5e-324, -5e-324, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan]
NUMBERS += RNG.normal(size=6).tolist()
WHOLE = [0, 1, -1, 2, 255, 0x7FC0, 0x7F800000, -(2**31), 2**31 - 1, *RNG.integers(-(2**31), 2**31, 8).tolist()]
"""What bits may be."""

SHIFTS = [1, 3, 15, 16, 24, 31]
SINGLE = {"bfloat16", "float16", "bits", "from_bits"}
"""What is said of float32 alone."""

SCALED = {"scaled_bits", "from_scaled_bits"}
"""What is said of float32 and one power of two."""

EITHER_ZERO = {"maximum", "minimum"}
"""IEEE 754 leaves open which zero is the larger one."""


POSITIVE = [0.1, 1.0, 1.5, 3.0, 2.0**-1022, 5e-324, 1.7e308, *np.exp(RNG.uniform(-700, 700, 20)).tolist()]
WHOLE_EXPONENTS = [-3000.0, -1075.0, -1074.0, -1073.0, -1030.0, -7.0, 0.0, 1.0, 900.0, 1023.0, 1024.0, 3000.0]


def operands(row):
    """All combinations of the numbers, as one array for each operand."""
    count = len({field for _, field, _, _ in string.Formatter().parse(row.latex) if field})
    if row.name in SCALED:
        # Numbers around the smallest normal one, once they are multiplied, and codes of seven bits with either sign.
        numbers = np.array([0.0, 1.0, 1.75, 2.0**-14, 3.1e-5, 7e-6, 2.0**-17, 1.2345e-9], np.float32).astype(np.float64)
        codes = np.array([code << 20 | sign for code in range(128) for sign in (0, -(2**31))], np.int32)
        return [numbers, 2.0**-112] if row.name == "scaled_bits" else [codes, 2.0**112]
    if row.name in ("exponent", "mantissa"):
        return [np.array(POSITIVE)]
    if row.name == "times_power_of_two":
        about_one = [0.7, -1.0, 1.3, 1.999, 0.0, math.inf, math.nan]
        return list(map(np.array, zip(*itertools.product(about_one, WHOLE_EXPONENTS), strict=True)))
    if row.takes == "condition":
        return [np.array(column) for column in zip(*itertools.product(*[[False, True]] * count), strict=True)]
    if row.takes == "bits":
        columns = itertools.product(*[WHOLE, SHIFTS if row.name.startswith("shift") else WHOLE][:count])
        whole = [np.array(column, np.int32) for column in zip(*columns, strict=True)]
        return [whole[0] > 0, *whole] if row.name == "where_bits" else whole
    if row.name == "integer":
        return [np.array([0.0, 1.0, -7.0, 2.0**31, 2.0**40 + 5, -(2.0**31)])]
    numbers = NUMBERS if row.name in EITHER_ZERO else [*NUMBERS, -0.0]
    columns = list(zip(*itertools.product(*[numbers] * min(count, 2)), strict=True))
    if row.name == "where":
        return [np.array([math.isfinite(a) for a in columns[0]]), *map(np.array, columns)]
    if row.name in SINGLE:
        with np.errstate(all="ignore"):
            return [np.array(column, np.float32).astype(np.float64) for column in columns]
    return list(map(np.array, columns))


def bits(array):
    """Signs of zeros count; one NaN is as good as another."""
    array = np.asarray(array)
    return array if array.dtype.kind in "bi" else np.where(np.isnan(array), np.nan, array).astype(float).view(np.int64)


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


def test_the_host_computes_what_numpy_computes(row):
    given = operands(row)
    with np.errstate(all="ignore"):
        expected = NUMPY[row.name](*given)
    columns = np.broadcast_arrays(*given)
    computed = np.array([row.host(*numbers) for numbers in zip(*(array.tolist() for array in columns), strict=True)])
    if row.name == "power":  # not correctly rounded anywhere
        np.testing.assert_array_almost_equal_nulp(computed[np.isfinite(expected)], expected[np.isfinite(expected)], 1)
        computed, expected = (np.where(np.isfinite(expected), 0, values) for values in (computed, expected))
    np.testing.assert_array_equal(bits(computed), bits(expected))


def test_torch_computes_what_numpy_computes(row):
    if row.numbers_only:
        pytest.skip("never computed per element")
    given = operands(row)
    with np.errstate(all="ignore"):
        expected = NUMPY[row.name](*given)
    if row.name in SINGLE:
        given = [array.astype(np.float32) if array.dtype == np.float64 else array for array in given]
    if row.name == "integer":
        given, expected = [given[0][:3]], expected[:3]  # torch does not say what becomes of larger ones
    if row.name.startswith("shift"):
        pytest.skip("by one number of places: tested below")
    if row.name in SCALED:
        given[0] = given[0].astype(np.float32 if row.name == "scaled_bits" else np.int32)
        computed = row.torch(torch.from_numpy(given[0]), given[1]).numpy()
    else:
        computed = row.torch(*map(torch.from_numpy, given)).numpy()
    expected = expected.astype(computed.dtype)
    if row.name == "sqrt":  # torch goes through a vector library, which is not correctly rounded
        rounded = np.isfinite(expected) & (expected > 0)
        np.testing.assert_array_almost_equal_nulp(computed[rounded], expected[rounded], 1)
        computed, expected = (np.where(rounded, 0, values) for values in (computed, expected))
    np.testing.assert_array_equal(bits(computed), bits(expected))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("number", [0.5, math.nan, math.inf])
def test_one_side_may_be_a_number(name, number):
    array = np.array(NUMBERS)
    expected = NUMPY[name](array, number)
    for computed in (
        OPS[name].torch(torch.from_numpy(array), number),
        OPS[name].torch(number, torch.from_numpy(array)),
    ):
        np.testing.assert_array_equal(bits(computed.numpy()), bits(expected))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("column", ["torch", "host"])
def test_zeros_are_equal(name, column):
    wrap = torch.tensor if column == "torch" else float
    assert getattr(OPS[name], column)(wrap(-0.0), wrap(0.0)) == 0


@pytest.mark.parametrize("places", SHIFTS)
@pytest.mark.parametrize("name", ["shift_left", "shift_right"])
def test_torch_shifts_as_numpy_does(name, places):
    whole = np.array(WHOLE, np.int32)
    expected = NUMPY[name](whole, np.full_like(whole, places))
    np.testing.assert_array_equal(OPS[name].torch(torch.from_numpy(whole), places).numpy(), expected)


def test_results_are_of_the_kind_that_the_row_says(row):
    given = [np.ravel(array)[0].item() for array in operands(row)]
    kinds = {"condition": bool, "bits": int, "number": float}
    assert type(row.host(*given)) is kinds[row.gives]


def test_every_name_stands_once():
    assert [*OPS] == [row.name for row in ROWS]
