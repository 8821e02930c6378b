"""Powers on the device, against 80 digits of Python's decimal module, and the host's for what is no regular number."""

import numpy as np
import torch
import triton
import triton.language as tl

from tests.formula.test_power import PAIRS_OF_SPECIAL, regular, same, truth
from thalweg.engine.triton.device.rounding import exact
from thalweg.engine.triton.language.power import power as device_power
from thalweg.formula.graph.power import power

from .conftest import DEVICE


@triton.jit
def kernel(bases, exponents, results, BLOCK: tl.constexpr):
    place = tl.arange(0, BLOCK)
    tl.store(results + place, device_power(tl.load(bases + place), tl.load(exponents + place)))


def powers(pairs):
    size = triton.next_power_of_2(len(pairs))
    bases, exponents = torch.ones(2, size, dtype=torch.float64, device=DEVICE)
    bases[: len(pairs)], exponents[: len(pairs)] = torch.tensor(pairs, dtype=torch.float64, device=DEVICE).T
    results = torch.zeros_like(bases)
    with np.errstate(all="ignore"):
        kernel[(1,)](bases, exponents, results, BLOCK=size, **exact(DEVICE))
    return results[: len(pairs)].tolist()


def test_regular_powers_are_correctly_rounded():
    """All of them, above the denormal numbers, where a result is rounded twice."""
    pairs = [pair for pair in regular(400) if truth(*pair) > 1e-307]
    assert [pair for pair, found in zip(pairs, powers(pairs), strict=True) if found != truth(*pair)] == []


def test_whatever_else_is_as_on_the_host():
    found = powers(PAIRS_OF_SPECIAL)
    wrong = [pair for pair, result in zip(PAIRS_OF_SPECIAL, found, strict=True) if not same(result, power(*pair))]
    assert wrong == []
