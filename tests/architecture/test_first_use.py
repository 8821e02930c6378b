"""Heavy modules are imported when something needs them."""

import subprocess
import sys

from .test_imports import ONLY_IN

USE = """
import torch, thalweg
x = torch.zeros((), requires_grad=True)
it = thalweg.Adam([x])
it.zero_grad()
it.load_state_dict(it.state_dict())
"""
"""What does not need the compiler, though torch's own methods import it: that takes as long as importing torch."""


STEP = "it.step(lambda: (2 * x).backward() or 1)"


def test_heavy_modules_wait_for_their_first_use():
    """Compilers, tables and pictures are imported when something needs them: one process tells twice."""
    unused = {*ONLY_IN, "scipy", "torch._dynamo"} - {"torch.distributed"}  # part of torch
    not_for_steps = {"torch._dynamo", "triton", "scipy"}
    report = "print({} & {{*sys.modules}})".format
    code = "\n".join(["import sys", USE, report(unused), STEP, report(not_for_steps)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n" * 2, "")
