"""What Triton's compiler makes of kernels for real devices: it needs none of them, so that this is seen everywhere.

In a process of its own, where kernels are not interpreted.
"""

import os
import re

import pytest
import torch

import thalweg
from thalweg.formula.passes import program_of
from thalweg.formula.trace import formula_of

INEXACT = r"fma|\.ftz|\.approx|div\.full|mad\.[a-z.]*f(32|64)|rsqrt|ex2|lg2"
"""Instructions that are rounded otherwise than each operation once."""

KERNELS = [("Adam", torch.float32), ("Adam", torch.bfloat16), ("Adam", torch.float64), ("RProp", torch.float16)]
KERNELS += [(name, torch.float32) for name in ("ASGD", "NAdam", "RAdam", "SGD", "AdaDelta", "Adagrad")]


def compiled(name, dtype, language, folder):
    """Compile in this process; return the text."""
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
    from thalweg.engine.triton.compile import assembly

    cls = getattr(thalweg, name)
    options = {"momentum": 0.9} if name == "SGD" else {}
    program = program_of(formula_of(cls.rule, cls([torch.zeros(1)], lr=0.1, **options).param_groups[0]))
    compute = torch.float64 if dtype is torch.float64 else torch.float32
    dtypes = dict.fromkeys(program.tensors, dtype) | dict.fromkeys(program.scalars, torch.float32)
    return assembly(program, dtypes | {"compute": compute}, language)


def check_ptx(folder):
    for name, dtype in KERNELS:
        text = compiled(name, dtype, "ptx", folder)
        prepare, update = re.split(r"\.visible \.entry update", text)
        wrong = {line.strip() for line in text.splitlines() if re.match(rf"\s+[a-z0-9.]*({INEXACT})", line)}
        assert not wrong, f"{name} {dtype}: {wrong}"
        # Numbers are computed in float64 alone.
        assert not re.findall(r"(?:mul|div)[a-z.]*\.f32", prepare), name
        # Aligned tensors are read and written 16 bytes at once, by chunks of four warps.
        assert re.search(r"ld\.global\.v[24]", update), name
        assert re.search(r"st\.global\.v[24]", update), name
        assert ".reqntid 128" in update, name


def check_amd(folder):
    text = compiled("Adam", torch.float32, "amdgcn", folder)
    assert "global_load_dwordx4" in text
    assert re.search(r"v_(sqrt|rsq)_f32", text)


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_ptx, check_amd])
def test_compiled_for(check, apart, tmp_path):
    apart(check, str(tmp_path))
