"""Numbers on the host follow IEEE 754, and stay numbers."""

import math
import operator
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.formula import maximum, sqrt, where
from thalweg.formula.graph.number import Number, exact_sum_in_two

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


def bits(value):
    return np.float64(value).view(np.int64) if value == value else "NaN"


@pytest.mark.parametrize("operate", OPERATORS)
@given(a=st.floats(), b=st.floats())
def test_as_numpy_computes(operate, a, b):
    with np.errstate(all="ignore"):
        wanted = bits(operate(np.float64(a), np.float64(b)))
    for left, right in ((Number(a), Number(b)), (Number(a), b), (a, Number(b))):
        found = operate(left, right)
        assert type(found) is Number
        assert bits(found) == wanted


@pytest.mark.parametrize(
    ("base", "exponent", "wanted"),
    [(10.0, 400.0, math.inf), (-10.0, 401.0, -math.inf), (0.0, -1.0, math.inf), (-8.0, 1 / 3, math.nan), (2, 3, 8.0)],
)
def test_powers_that_python_refuses(base, exponent, wanted):
    for found in (Number(base) ** exponent, base ** Number(exponent)):
        assert type(found) is Number
        assert bits(found) == bits(wanted)


def test_words_of_the_vocabulary_give_numbers():
    values = sqrt(Number(4)), maximum(Number(1), 2.0), where(Number(1) > 0, Number(3), 4.0), -Number(1), abs(Number(-1))
    assert [type(value) for value in values] == [Number] * 5
    assert values == (2, 2, 3, -1, 1)
    assert math.isnan(sqrt(Number(-1)))


def test_tensors_take_them_as_floats():
    tensor = torch.ones(2)
    for found in (tensor * Number(2), Number(2) * tensor, tensor + Number(1), Number(4) / (tensor * 2)):
        assert type(found) is torch.Tensor
        assert found.tolist() == [2, 2]
        assert found.dtype == torch.float32


def test_a_sum_in_two_is_exact_to_twice_the_digits():
    """What rounding has left of it, too: the order in which parts of a sum are added does not matter."""
    listed = [float(n**5 % 1013) * 2.0 ** (n % 40) for n in range(200)] + [1e-9, 3e16]
    total, rest = exact_sum_in_two(listed)
    exact = sum(map(Fraction, listed))
    assert total == float(exact)
    assert rest == float(exact - Fraction(total)) != 0
    halves = [*exact_sum_in_two(listed[::2]), *exact_sum_in_two(listed[1::2])]
    assert sum(map(Fraction, halves)) == exact
    assert exact_sum_in_two([math.inf, 1.0]) == (math.inf, 0.0)
