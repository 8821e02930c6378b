"""Powers on the device, against 80 digits of Python's decimal module, and C's rules for what is no regular number."""

import itertools
import math
import random
from decimal import Decimal, localcontext

import numpy as np
import torch
import triton
import triton.language as tl

from thalweg.engine.triton.power import power
from thalweg.engine.triton.settings import exact
from thalweg.formula.ops import power as host_power

from .conftest import DEVICE

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, math.inf, -math.inf, math.nan]
SPECIAL += [1e308, -1e308, 5e-324, -5e-324, 1e-300, 1e16, -1e16 + 2]


@triton.jit
def kernel(bases, exponents, results, BLOCK: tl.constexpr):
    place = tl.arange(0, BLOCK)
    tl.store(results + place, power(tl.load(bases + place), tl.load(exponents + place)))


def powers(pairs):
    size = triton.next_power_of_2(len(pairs))
    bases, exponents = torch.ones(2, size, dtype=torch.float64, device=DEVICE)
    bases[: len(pairs)], exponents[: len(pairs)] = torch.tensor(pairs, dtype=torch.float64, device=DEVICE).T
    results = torch.zeros_like(bases)
    with np.errstate(all="ignore"):
        kernel[(1,)](bases, exponents, results, BLOCK=size, **exact(DEVICE))
    return results[: len(pairs)].tolist()


def truth(base, exponent):
    with localcontext(prec=80):
        return float((Decimal(exponent) * Decimal(base).ln()).exp())


def test_regular_powers_are_correctly_rounded():
    generator = random.Random(0)
    counts = [
        (generator.choice([0.9, 0.99, 0.999, 0.9999]), float(generator.randrange(1, 200_000))) for _ in range(400)
    ]
    rates = [(1 + generator.random() * 1e-3, generator.uniform(-1e5, 1e5)) for _ in range(200)]
    others = [(10 ** generator.uniform(-300, 300), generator.uniform(-1, 1)) for _ in range(400)]
    pairs = [*counts, *rates, *others]
    wrong = [pair for pair, found in zip(pairs, powers(pairs), strict=True) if found != truth(*pair)]
    # Below the normal numbers a result is rounded twice.
    assert [pair for pair in wrong if truth(*pair) > 1e-307] == []
    assert len(wrong) < 5


def test_whatever_else_is_as_in_c():
    pairs = list(itertools.product(SPECIAL, SPECIAL))
    for pair, found in zip(pairs, powers(pairs), strict=True):
        wanted = host_power(*pair)
        assert (math.isnan(found) and math.isnan(wanted)) or (found, math.copysign(1, found)) == (
            wanted,
            math.copysign(1, wanted),
        ), pair


def test_the_hosts_powers_are_the_same_in_float32():
    pairs = [(beta, float(step)) for beta in (0.9, 0.99, 0.999) for step in range(1, 1000)]
    found = np.float32([1 - power for power in powers(pairs)])
    assert (found == np.float32([1 - math.pow(*pair) for pair in pairs])).all()
