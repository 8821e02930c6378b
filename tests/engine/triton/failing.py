"""Kernels that a device refuses, or that no machine code can be made for, over the stand-in for the driver.

    PYTHONPATH=src python -m tests.engine.triton.failing

Whatever fails, at whatever step: one sentence says so, the eager engine takes the whole step, and goes on.
"""

import os
import tempfile
import warnings
from itertools import product

import torch

from tests.engine.triton.stand_in import LAUNCHED, REFUSED, TRIED, stand_in
from thalweg import LAMB, Adafactor, Adam
from thalweg.engine.plans import build
from thalweg.engine.triton.kernels import kernel
from thalweg.engine.triton.kernels.kernel import Kernel
from thalweg.engine.triton.kernels.lines.kernel import LineKernel

REFUSALS = [
    *product([Adam], [{}], ["prepare", "update"]),
    *product([Adam], [{"max_grad_norm": 1.0}], ["prepare", "update"]),
    *product([LAMB], [{}], ["prepare", "update"]),
    *product([Adafactor], [{}], ["prepare", "walk", "across", "close", "total"]),
]
"""Optimizers, and the kernel of which a device will have none."""


def optimizers(cls, options):
    """Make an optimizer on the device, and one like it that is eager."""
    pair = []
    for engine in ("triton", "eager"):
        params = [torch.ones(64, 256, requires_grad=True), torch.ones(16, 16, requires_grad=True)]
        for param in params:
            param.grad = torch.full_like(param, 0.5)
        pair.append(cls(params, engine=engine, **options))
    return pair


def params(optimizer):
    return optimizer.param_groups[0]["params"]


def told(step):
    """Step, and list what is said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        step()
    return [str(item.message) for item in said]


def forget():
    """Begin as a new process does."""
    for known in (build._failures, build._told, kernel._kernels, REFUSED, LAUNCHED, TRIED):
        known.clear()


def refused(cls, options, name):
    """Have the device refuse a kernel in the first step."""
    forget()
    REFUSED.add(name)
    one, eager = optimizers(cls, options)
    sentence = f"{cls.__name__} runs on the eager engine, as no kernel could be launched: Triton Error [CUDA]: out of"
    said = told(one.step)
    assert {*said} == {f"{sentence} memory"}, said
    assert len(said) <= 2, said
    assert not {name for name, *_ in LAUNCHED} & {"prepare", "update", "walk"} or options, LAUNCHED
    eager.step()
    alike(one, eager)
    assert told(one.step) == []
    eager.step()
    alike(one, eager)


def unbuilt(cls, kind, failing_step):
    """Have gradients of which one starts nowhere in particular, for which no kernel can be built."""
    forget()
    one, eager = optimizers(cls, {})
    made = kind._function

    def broken(self, name, arguments, constants, warps):
        if not constants.get("ALIGNED", True):
            raise RuntimeError("Triton has\na bad day")
        return made(self, name, arguments, constants, warps)

    kind._function = broken
    try:
        for step in range(failing_step + 2):
            if step == failing_step:
                for optimizer in (one, eager):
                    param = params(optimizer)[0]
                    param.grad = torch.full((64 * 256 + 1,), 0.5)[1:].view(64, 256)
            LAUNCHED.clear()
            said = told(one.step)
            sentence = f"{cls.__name__} runs on the eager engine, as no kernel could be built: Triton has a bad day"
            assert said == [sentence] * (step == failing_step), (step, failing_step, said)
            if step >= failing_step:
                eager.step()
                alike(one, eager)
        assert "because no kernel could be built" in one.explain()
    finally:
        kind._function = made


def alike(one, eager):
    """See that both engines have taken the same steps; what the stand-in was launched for was not computed."""
    for param, other in zip(params(one), params(eager), strict=True):
        torch.testing.assert_close(param, other)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
        stand_in(False)
        for cls, options, name in REFUSALS:
            refused(cls, options, name)
        for step in (0, 2):
            unbuilt(Adam, Kernel, step)
            unbuilt(Adafactor, LineKernel, step)


if __name__ == "__main__":
    main()
