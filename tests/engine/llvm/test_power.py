"""Powers in machine code: the bits of those on the host, whatever the C library's are."""

import ctypes

import torch

from tests.formula.test_power import PAIRS_OF_SPECIAL, regular, same
from thalweg import NAdam
from thalweg.engine.llvm.functions.power import address, memory
from thalweg.formula.graph.power import power


def test_they_are_the_hosts():
    compiled = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_double, ctypes.c_double)(address())
    remembered = memory()
    pairs = [*regular(1000), *PAIRS_OF_SPECIAL]
    # Each comes twice in a row, and again after others have taken its place
    twice = [pair for pair in (*pairs, *reversed(pairs)) for _ in range(2)]
    assert [pair for pair in twice if not same(compiled(remembered.ctypes.data, *pair), power(*pair))] == []
    # Nearly every place was taken at last, and what stands there is right
    taken = [place for place in remembered.tolist() if place[0] == place[0]]
    assert len(taken) > 0.9 * len(remembered)
    assert all(same(power(base, exponent), found) for base, exponent, found in taken)


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
