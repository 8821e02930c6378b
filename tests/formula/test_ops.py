"""Each row of the table: its columns say the same, and NumPy is the judge."""

import itertools
import math
import string

import numpy as np
import pytest
import torch

from thalweg.formula.ops import OPS, ROWS

NUMPY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "sign": lambda x: np.where(np.isnan(x), 0.0, np.sign(x)),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "power": np.float_power,
}

RNG = np.random.default_rng(0)
NUMBERS = [0.0, 1.0, -1.0, 2.5, -3.0, 0.1, 1e-300, 5e-324, -5e-324, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan]
NUMBERS += RNG.normal(size=6).tolist()
EITHER_ZERO = {"maximum", "minimum"}
"""IEEE 754 leaves open which zero is the larger one."""


def operands(row):
    """All combinations of the numbers, as one array for each operand."""
    count = len({field for _, field, _, _ in string.Formatter().parse(row.latex) if field})
    numbers = NUMBERS if row.name in EITHER_ZERO else [*NUMBERS, -0.0]
    columns = list(zip(*itertools.product(*[numbers] * min(count, 2)), strict=True))
    if row.name == "where":
        return [np.array([math.isfinite(a) for a in columns[0]]), *map(np.array, columns)]
    return list(map(np.array, columns))


def bits(array):
    """Signs of zeros count; one NaN is as good as another."""
    array = np.asarray(array)
    return array if array.dtype == bool else np.where(np.isnan(array), np.nan, array).view(np.int64)


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


def test_the_host_computes_what_numpy_computes(row):
    given = operands(row)
    with np.errstate(all="ignore"):
        expected = NUMPY[row.name](*given)
    computed = np.array([row.host(*numbers) for numbers in zip(*(array.tolist() for array in given), strict=True)])
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
    computed = row.torch(*map(torch.from_numpy, given)).numpy()
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


def test_conditions_are_conditions(row):
    assert row.is_condition == isinstance(row.host(*[1.0] * len(operands(row))), bool)


def test_every_name_stands_once():
    assert [*OPS] == [row.name for row in ROWS]
