"""What Triton's compiler makes of kernels for real devices: it needs none of them, so that this is seen everywhere.

In a process of its own, where kernels are not interpreted.
"""

import os
import re

import pytest
import torch

import thalweg
from thalweg.engine.decisions.choice import choose
from thalweg.engine.decisions.gradients import ready
from thalweg.formula.tracing.passes import passes

INEXACT = r"fma\.[a-z.]*f32|\.ftz|\.approx|div\.full|mad\.[a-z.]*f(32|64)|rsqrt|ex2|lg2"
"""Instructions that are rounded otherwise than each operation once."""

# Powers take a second to compile: one optimizer has them here.
KERNELS = [
    ("Adam", torch.float32, {}),
    ("RMSProp", torch.float64, {}),
    ("RMSProp", torch.float32, {"state_dtype": "8bit"}),
    ("RMSProp", torch.float32, {"state_dtype": "4bit"}),
    ("RMSProp", torch.bfloat16, {"max_tensor_norm": 1.0, "track": True, "ema_decay": 0.9}),
    ("Adagrad", torch.bfloat16, {"rounding": "stochastic"}),
    ("RProp", torch.float16, {}),
    ("AdaDelta", torch.float32, {}),
]


def compiled(name, dtype, options, language, folder, shape=(5000,)):
    """Compile in this process; give the text of each pass."""
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
    from thalweg.engine.triton.kernels.assembly import assembly

    param = torch.zeros(shape, dtype=dtype)
    param.grad = param.clone()
    optimizer = getattr(thalweg, name)([param], lr=0.1, **options)
    (choice,) = choose(optimizer, ready(optimizer))
    for program in passes(choice.program):
        yield assembly(program, dict(choice.dtypes), language), program, choice.dtypes


def check_ptx(folder):
    from thalweg.engine.triton.kernels.settings import setting_of

    for name, dtype, options in KERNELS:
        for text, program, dtypes in compiled(name, dtype, options, "ptx", folder):
            wrong = {line.strip() for line in text.splitlines() if re.match(rf"\s+[a-z0-9.]*({INEXACT})", line)}
            assert not wrong, f"{name} {dtype} {options}: {wrong}"
            prepare, update = re.split(r"\.visible \.entry update", text)
            # A product and a sum are rounded together where a power asks what its product has lost, and nowhere else.
            assert "fma" not in update, name
            # Numbers are computed in float64 alone.
            assert not re.findall(r"(?:mul|div)[a-z.]*\.f32", prepare), name
            if not program.totals:
                # Aligned tensors are read and written 16 bytes at once, by four warps or, a block at a time, by one.
                assert re.search(r"ld\.global\.v[24]", update), name
                assert re.search(r"st\.global\.v[24]", update), name
                warps = setting_of(program, dict(dtypes)).warps
                assert f".reqntid {32 * warps}" in update, name


def check_lines(folder):
    *_, (text, _, _) = compiled("SM3", torch.float32, {}, "ptx", folder, (64, 512))
    _, walk = re.split(r"\.visible \.entry walk", text)
    assert re.search(r"ld\.global\.v4", walk)
    assert re.search(r"st\.global\.v4", walk)


def check_amd(folder):
    ((text, _, _),) = compiled("RMSProp", torch.float32, {}, "amdgcn", folder)
    assert re.search(r"(global|buffer)_load_dwordx4", text)
    assert re.search(r"v_(sqrt|rsq)_f32", text)


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_ptx, check_lines, check_amd])
def test_compiled_for(check, apart, tmp_path):
    apart(check, str(tmp_path))
