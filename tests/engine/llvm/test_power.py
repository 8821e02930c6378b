"""Powers in machine code: the bits of those on the host, whatever the C library's are."""

import ctypes

import numpy as np
import torch

from tests.formula.test_power import PAIRS_OF_SPECIAL, regular, same
from thalweg import NAdam
from thalweg.engine.llvm import load
from thalweg.engine.llvm.power import definition
from thalweg.engine.llvm.text import DEFINITIONS
from thalweg.formula.power import power

CALL = """
define dso_local void @raise(ptr %pair) {
  %exponent.at = getelementptr double, ptr %pair, i64 1
  %base = load double, ptr %pair
  %exponent = load double, ptr %exponent.at
  %result = call double @power(double %base, double %exponent)
  store double %result, ptr %pair
  ret void
}
"""


def test_they_are_the_hosts():
    code = load.load(DEFINITIONS.format(type="double", suffix="f64") + definition() + CALL, ["raise"])
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code["raise"])

    def compiled(*pair):
        words = np.array(pair)
        call(words.ctypes.data)
        return float(words[0])

    pairs = [*regular(1000), *PAIRS_OF_SPECIAL]
    assert [pair for pair in pairs if not same(compiled(*pair), power(*pair))] == []


def test_no_kernel_calls_the_c_library():
    """A power per step in float64, where its last bit is seen: both engines have the same."""

    def trained(engine):
        param = torch.linspace(-1, 1, 7, dtype=torch.float64)
        optimizer = NAdam([param], lr=0.1, engine=engine)
        for step in range(50):
            param.grad = torch.sin(param * (step + 1))
            optimizer.step()
        return optimizer.state[param]["mu_product"]

    assert torch.equal(trained("auto"), trained("eager"))
