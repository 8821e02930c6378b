"""Powers of numbers, against 80 digits of Python's decimal module, and C's rules for what is no regular number."""

import itertools
import math
import random
from decimal import Decimal, localcontext

import numpy as np
import pytest

from thalweg.formula.graph.power import power

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, math.inf, -math.inf, math.nan]
SPECIAL += [1e308, -1e308, 5e-324, -5e-324, 1e-300, 1e16, -1e16 + 2]
PAIRS_OF_SPECIAL = list(itertools.product(SPECIAL, SPECIAL))


def truth(base, exponent):
    """Round once, from 80 digits."""
    with localcontext(prec=80):
        return float((Decimal(exponent) * Decimal(base).ln()).exp())


def regular(count):
    """Draw what optimizers ask for, and anything: always the same."""
    generator = random.Random(0)
    decays = [0.9, 0.99, 0.999, 0.9999]
    yield from ((generator.choice(decays), float(generator.randrange(1, 200_000))) for _ in range(count))
    yield from ((1 + generator.random() * 1e-3, generator.uniform(-1e5, 1e5)) for _ in range(count // 2))
    yield from ((10 ** generator.uniform(-300, 300), generator.uniform(-1, 1)) for _ in range(count))


def same(one, other):
    return (math.isnan(one) and math.isnan(other)) or (one, math.copysign(1, one)) == (other, math.copysign(1, other))


def as_in_c(base, exponent):
    """Ask the C library, and say what it says where Python raises an error."""
    try:
        return math.pow(base, exponent)
    except ValueError:
        is_pole = base == 0
        return math.copysign(math.inf, base if exponent % 2 == 1 else 1) if is_pole else math.nan
    except OverflowError:
        return math.copysign(math.inf, base if exponent % 2 == 1 else 1)


def test_few_powers_below_the_normal_numbers_are_rounded_twice():
    assert len([pair for pair in regular(400) if power(*pair) != truth(*pair)]) < 5


def test_bias_corrections_are_the_c_librarys_in_float32():
    pairs = [(beta, float(step)) for beta in (0.9, 0.99, 0.999) for step in range(1, 1000)]
    ours, theirs = (np.float32([1 - raised(*pair) for pair in pairs]) for raised in (power, math.pow))
    assert (ours == theirs).all()


def test_regular_powers_are_correctly_rounded():
    """All of them, above the denormal numbers: an error is below 2^-74, so one of a million might not be."""
    pairs = [pair for pair in regular(400) if truth(*pair) > 1e-307]
    assert [pair for pair in pairs if power(*pair) != truth(*pair)] == []


@pytest.mark.parametrize("pair", PAIRS_OF_SPECIAL, ids=str)
def test_whatever_else_is_as_in_c(pair):
    assert same(power(*pair), as_in_c(*pair)) or power(*pair) == truth(*pair)


def test_exact_powers_are_exact():
    pairs = [(2.0, float(n)) for n in range(-1074, 1024, 13)] + [(1.5, 2.0), (10.0, 22.0), (4.0, 0.5), (-3.0, 3.0)]
    assert [power(*pair) for pair in pairs] == [math.pow(*pair) for pair in pairs]
    assert power(2.0, 1024.0) == math.inf
    assert power(0.5, 1080.0) == 0.0
